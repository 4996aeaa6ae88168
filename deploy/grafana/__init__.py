"""Dashboards as code: each module has one, ``build`` writes them as JSON, ``draw`` draws them from a Prometheus."""
