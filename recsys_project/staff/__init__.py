"""The admin's own pages: the dashboard, the catalogue's readiness, and the navigation."""
