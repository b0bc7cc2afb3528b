"""What Grafana's dashboards are made of; `make grafana` writes them."""
