"""Grafana dashboards as typed code, from which the chart's JSON files are generated. Never part of an image."""
