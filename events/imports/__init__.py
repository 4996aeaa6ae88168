"""Imports MovieLens ratings, tags and users."""
