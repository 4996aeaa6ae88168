"""Django's PostgreSQL with a pool that is whole again at once after PostgreSQL was restarted."""
