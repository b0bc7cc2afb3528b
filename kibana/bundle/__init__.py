"""Makes `kibana/driftline.ndjson` from the sources beside this package: dashboards, data views, saved searches and a tag."""
