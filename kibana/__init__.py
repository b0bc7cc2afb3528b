"""What people import into Kibana, and how it is built and checked."""
