"""Experiments without a database: who gets which arm, and the statistics that stay valid when they are read daily."""
