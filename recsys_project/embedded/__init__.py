"""PostgreSQL and Valkey from wheels, for one machine and for tests, under ``var/``."""
