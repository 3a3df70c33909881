"""The dashboards of nasfleet, described once: written for Grafana by `grafana`, drawn for the documentation by `drawing`."""
