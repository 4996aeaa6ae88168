"""Metrics: what processes count (``requests``, ``processes``), and what the scraped one reads (``state``)."""
