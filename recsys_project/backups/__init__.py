"""Backups of the database with PostgreSQL's own programs, and restores into an empty one."""
