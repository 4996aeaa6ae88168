"""Parsers of what others publish: MovieLens archives and metadata files.

Free of Django: an archive can be read without a database (``archive.open_archive``), for training and for evaluation.
"""
