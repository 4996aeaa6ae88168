"""Merging a duplicate into another movie, undoing that, and deleting movies with many rows."""
