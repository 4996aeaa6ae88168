"""What came of the lists that were shown: outcomes and their statistics. See docs/attribution.md."""
