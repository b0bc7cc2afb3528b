"""A real model on 336,776 real flights: does a flight out of New York arrive more than 15 minutes late?"""
