"""Stores in the catalogue what ``movies.movielens`` reads. Also holds the shared parts of the import commands."""
