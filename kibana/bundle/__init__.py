"""Makes `kibana/driftline.ndjson` of the sources beside this package: dashboards, data views, searches and a tag."""
