"""Exports events to files that ``import_events`` reads."""
