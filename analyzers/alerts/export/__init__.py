"""Kibana rules, Watcher watches and Prometheus rules, made from monitors.yml."""
