"""A training set as reference: read from a file, counted in memory, stored for `analyze` to compare with."""
