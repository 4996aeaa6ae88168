"""``./bin/demo``: runs the whole system on one machine with real ratings, and can check it over HTTP."""
