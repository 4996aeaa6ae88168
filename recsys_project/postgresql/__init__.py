"""Django's PostgreSQL backend, whose connection pool recovers at once after a restart of PostgreSQL."""
