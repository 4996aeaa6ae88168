"""Files to run the site with; the Python here builds and draws the dashboards of Grafana."""
