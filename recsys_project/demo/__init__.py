"""``./bin/demo``: the whole system on one machine with real ratings, and a client's journey through it."""
