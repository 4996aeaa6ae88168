"""Readers of the files that people bring from other sites, one module a site; no framework is imported here."""
