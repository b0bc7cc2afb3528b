"""A real Elasticsearch on this machine, with Docker or without."""
