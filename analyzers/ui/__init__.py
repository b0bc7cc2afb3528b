"""Pages over the monitoring index for people who have no Kibana yet: `driftline ui`."""
