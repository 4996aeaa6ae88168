"""Runs PostgreSQL and Valkey from wheels under ``var/``, for a single machine and for tests."""
