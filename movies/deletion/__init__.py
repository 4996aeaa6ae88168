"""Deleting movies: hidden at once, and their rows deleted in batches."""
