"""Moves the log of served lists from its stream in Redis into PostgreSQL.

At least once, deduplicated: an entry leaves the stream only after the transaction that wrote it has committed, and a
row that is there already is not written again. Entries of a writer that was killed come back after CLAIM_SECONDS.
Several writers may run at once.
"""

import socket
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.db import DataError, IntegrityError, connection, transaction
from django.utils import timezone
from prometheus_client import Counter as Metric
from redis.exceptions import RedisError, ResponseError

from events.served.entries import EntryError, ServedList, Shown, read_entry
from events.served.list_ids import time_of
from events.served.log import list_row
from events.served.partitions import month_of, oldest_month, partitions_ensure
from events.served.stream import MAX_DEAD, dead_key, redis_client, removed_key, stream_key
from movies.db.binary_copy import staging_table

logger = structlog.get_logger(__name__)

GROUP = "writers"
# Entries of one transaction. A list of 100 movies takes 1.6 KB in the stream.
BLOCK_SIZE = 1000
# Entries that a writer has taken and not written for this long are taken by another one. A block takes far less.
CLAIM_SECONDS = 60.0
# A drain ends after this long at the latest; beat starts the next one.
DRAIN_SECONDS = 60.0
# A time that is further ahead than this is a clock's error, and would make partitions of far years.
_AHEAD = timedelta(hours=1)
_ROWS = Metric("recsys_served_log_entries_total", "Entries that left the stream of served lists.", ["outcome"])
# Key: the stream, the counter of removed entries. Arguments: the group, the ids.
_REMOVE = """
local ids = {unpack(ARGV, 2)}
redis.call('xack', KEYS[1], ARGV[1], unpack(ids))
return redis.call('incrby', KEYS[2], redis.call('xdel', KEYS[1], unpack(ids)))
"""
_LIST_COLUMNS = {
    "id": "uuid",
    "user_id": "bigint",
    "client_id": "bigint",
    "endpoint": "text",
    "model_version_id": "bigint",
    "experiment": "text",
    "arm": "text",
    "movie_ids": "bigint[]",
    "scores": "real[]",
    "sources": "smallint[]",
    "explored": "bigint[]",
    "request_id": "text",
    "served_at": "timestamptz",
}
_SHOWN_COLUMNS = {
    "recommendation_id": "uuid",
    "user_id": "bigint",
    "start": "smallint",
    "count": "smallint",
    "request_id": "text",
    "stream_id": "text",
    "shown_at": "timestamptz",
}

Entry = tuple[bytes, Mapping[bytes, bytes]]


@dataclass
class Drained:
    """What a drain did with the entries: written, dropped (nobody may see them any more), or dead (unreadable)."""

    entries: Counter[str] = field(default_factory=Counter)

    def add(self, outcome: str, count: int = 1) -> None:
        if count:
            self.entries[outcome] += count

    def __str__(self) -> str:
        return ", ".join(f"{self.entries[name]:,} {name}" for name in ("written", "dropped", "dead"))


def served_drain(*, seconds: float = DRAIN_SECONDS) -> Drained:
    """Writes what is in the stream, until it is empty or for this long. Returns what was done.

    If Redis does not answer, logs that and stops. Raises what the database raises while it is away; entries that were
    not written stay in the stream.
    """
    drained = Drained()
    ends = time.monotonic() + seconds
    try:
        redis = redis_client()
        _make_group(redis)
        while time.monotonic() < ends:
            block = _take(redis)
            if not block:
                break
            _write_block(redis, block, drained)
    except (RedisError, OSError) as error:
        logger.warning("served_log_not_drained", reason=type(error).__name__)
    finally:
        for outcome, count in drained.entries.items():
            _ROWS.labels(outcome).inc(count)
    return drained


def _make_group(redis: Any) -> None:
    try:
        redis.xgroup_create(stream_key(), GROUP, id="0", mkstream=True)
    except ResponseError as error:
        if not str(error).startswith("BUSYGROUP"):
            raise


def _take(redis: Any) -> list[Entry]:
    """The next entries: first those of a writer that died, then new ones.

    All writers have one name per machine: a name has no other meaning than who took an entry last.
    """
    name, key = socket.gethostname(), stream_key()
    claimed: list[Entry] = redis.xautoclaim(
        key, GROUP, name, min_idle_time=int(CLAIM_SECONDS * 1000), start_id="0-0", count=BLOCK_SIZE
    )[1]
    if claimed:
        return claimed
    read = redis.xreadgroup(GROUP, name, {key: ">"}, count=BLOCK_SIZE)
    return read[0][1] if read else []


def _write_block(redis: Any, block: Sequence[Entry], drained: Drained) -> None:
    """Writes the entries and removes them from the stream; one that cannot be read or written becomes a dead letter."""
    readable: list[tuple[Entry, ServedList | Shown]] = []
    for entry in block:
        try:
            readable.append((entry, read_entry(*entry)))
        except EntryError as error:
            _bury(redis, entry, error, drained)
    _write_or_split(redis, readable, drained)


def _write_or_split(redis: Any, entries: Sequence[tuple[Entry, ServedList | Shown]], drained: Drained) -> None:
    """Writes the entries; halves them while the database refuses them, until the one is found that it refuses."""
    if not entries:
        return
    try:
        dropped = served_write_block([content for _, content in entries])
    except (DataError, IntegrityError) as error:
        if len(entries) == 1:
            _bury(redis, entries[0][0], error, drained)
            return
        half = len(entries) // 2
        _write_or_split(redis, entries[:half], drained)
        _write_or_split(redis, entries[half:], drained)
        return
    _remove(redis, [stream_id for (stream_id, _), _ in entries])
    drained.add("written", len(entries) - dropped)
    drained.add("dropped", dropped)


def _bury(redis: Any, entry: Entry, error: Exception, drained: Drained) -> None:
    """Moves an entry to the dead letters. The log has its id and the kind of the error, not what it holds."""
    stream_id, fields = entry
    logger.error("served_log_entry_dead", entry=stream_id.decode(), reason=type(error).__name__)
    with redis.pipeline() as pipe:
        pipe.lpush(dead_key(), b"%b %r" % (stream_id, dict(fields or {})))
        pipe.ltrim(dead_key(), 0, MAX_DEAD - 1)
        pipe.execute()
    _remove(redis, [stream_id])
    drained.add("dead")


def _remove(redis: Any, stream_ids: Sequence[bytes]) -> None:
    redis.eval(_REMOVE, 2, stream_key(), removed_key(), GROUP, *stream_ids)


def served_write_block(contents: Sequence[ServedList | Shown]) -> int:
    """Writes lists and pages in one transaction; returns how many were dropped.

    Dropped are those of people who are deleted or have reset their taste since, of months that are not retained, and of
    a clock that is more than an hour ahead.
    """
    oldest, latest = oldest_month(), timezone.now() + _AHEAD
    kept = [content for content in contents if _made_at(content) <= latest and month_of(_made_at(content)) >= oldest]
    partitions_ensure({_made_at(content) for content in kept})
    with transaction.atomic():
        valid_from = _lock_people({content.user_id for content in kept if content.user_id is not None})
        kept = [content for content in kept if _may_stay(content, valid_from)]
        lists = [content for content in kept if isinstance(content, ServedList)]
        pages = [content for content in kept if isinstance(content, Shown)]
        pages += [served.first_page() for served in lists if served.count]
        _insert("events_servedrecommendation", _LIST_COLUMNS, [list_row(served) for served in lists], key="id")
        _insert("events_listimpression", _SHOWN_COLUMNS, [_page_row(page) for page in pages], key="stream_id")
    return len(contents) - len(kept)


def _made_at(content: ServedList | Shown) -> datetime:
    moment = content.served_at if isinstance(content, ServedList) else content.shown_at
    assert moment is not None  # noqa: S101 -- read_entry sets it.
    return moment


def _may_stay(content: ServedList | Shown, valid_from: Mapping[int, datetime | None]) -> bool:
    """Whether the person exists, and has not reset their taste since the list was made. A guest's list always may."""
    if content.user_id is None:
        return True
    if content.user_id not in valid_from:
        return False
    reset_at = valid_from[content.user_id]
    list_id = content.id if isinstance(content, ServedList) else content.recommendation_id
    return reset_at is None or (time_of(list_id) or _made_at(content)) > reset_at


def _lock_people(user_ids: set[int]) -> dict[int, datetime | None]:
    """Locks the people who exist, so that nobody is deleted or resets until the end; by id, when they last reset."""
    if not user_ids:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id, taste_reset_at FROM accounts_user WHERE id = ANY(%s::bigint[]) ORDER BY id FOR KEY SHARE",
            [sorted(user_ids)],
        )
        return dict(cursor.fetchall())


def _page_row(page: Shown) -> list[object]:
    row = [page.recommendation_id, page.user_id, page.start, page.count, page.request_id, page.stream_id]
    return [*row, page.shown_at]


def _insert(table: str, columns: Mapping[str, str], rows: Sequence[Sequence[object]], *, key: str) -> None:
    """Copies the rows into a temporary table, and from there those that are new, in the order of ``key``."""
    if not rows:
        return
    staged, names = f"new_{table}", ", ".join(columns)
    with (
        staging_table(staged, ", ".join(f"{name} {kind}" for name, kind in columns.items())),
        connection.cursor() as cursor,
    ):
        # Django does not translate what a copy raises.
        with connection.wrap_database_errors, cursor.copy(f"COPY {staged} ({names}) FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)
        # In one order, so that two writers of the same rows cannot deadlock.
        cursor.execute(
            f"INSERT INTO {table} ({names}) SELECT {names} FROM {staged} "  # noqa: S608  # nosec B608
            f"ORDER BY {key} ON CONFLICT DO NOTHING"
        )
