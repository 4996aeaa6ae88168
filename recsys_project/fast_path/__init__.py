"""Answers cached lists, and what is the same for everybody, from the web worker's main loop.

No thread, no middleware, no SQL, one round trip to Redis. ``worker`` offers each complete request to the ``lane``.
Where a route (``lists``, ``shared``) knows the request and its ``callers``, the lane sends one script for it to Redis,
together with those of all other requests that wait, and answers from its reply. A list that has to be computed goes to
a thread (``misses``). Everything unusual, and all else that the reply does not settle, goes to a thread and Django as
ever. ``watch`` keeps the process up to date with the database from a thread of its own. docs/adr says why.
"""
