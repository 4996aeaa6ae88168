"""Parsers of MovieLens archives and metadata files, without Django.

Training on files and evaluation read archives without a database (``archive.open_archive``).
"""
