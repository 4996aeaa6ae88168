"""The log of served lists: what each list held, and each time that a page of it was shown.

Serving appends entries to a stream in Redis (``log``, ``stream``), in a round trip that it makes anyway; a worker moves
them into PostgreSQL (``writer``), into tables with a partition for each month (``partitions``). ``ownership`` answers
which lists a person was shown. docs/operations.md, "The log of served lists", says what can be lost.
"""

from events.served.entries import SOURCE_CODES

__all__ = ["SOURCE_CODES"]
