"""What is counted by aggregations equals what is worked out of the raw rows."""
