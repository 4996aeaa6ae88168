"""The state of the stream of served lists, for metrics and the command."""

import time
from typing import Any, NamedTuple

from redis.exceptions import ResponseError

from events.served.stream import dead_key, redis_client, removed_key, stream_key


class StreamState(NamedTuple):
    """length: entries that wait; oldest_seconds: the age of the oldest one, 0 without any; trimmed: entries that were
    lost because the stream was full, since Redis has its data; dead: dead letters."""

    length: int
    oldest_seconds: float
    trimmed: int
    dead: int


def stream_state() -> StreamState:
    """The state now. Two round trips. Raises RedisError."""
    redis: Any = redis_client()
    with redis.pipeline(transaction=False) as pipe:
        pipe.get(removed_key())
        pipe.llen(dead_key())
        removed, dead = pipe.execute()
    try:
        info = redis.xinfo_stream(stream_key())
    except ResponseError:  # There is no stream yet.
        return StreamState(0, 0.0, 0, dead)
    length, first = info["length"], info["first-entry"]
    oldest = 0.0 if first is None else max(0.0, time.time() - int(first[0].partition(b"-")[0]) / 1000)
    # An entry that is added between the two reads is in both numbers of the second one.
    return StreamState(length, oldest, max(0, info["entries-added"] - length - int(removed or 0)), dead)
