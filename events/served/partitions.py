"""The monthly partitions of the log of served lists: made ahead, dropped when their months are over.

Making or dropping one locks the table of people for a moment, because of the foreign key. It gives up waiting for that
lock after LOCK_MILLISECONDS, so that no request waits behind it for longer, and tries again.
"""

import re
import time
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime
from functools import partial
from typing import NamedTuple

import structlog
from django.conf import settings
from django.db import OperationalError, connection, transaction
from django.utils import timezone
from psycopg.errors import LockNotAvailable

from movies.db.advisory_locks import transaction_lock

logger = structlog.get_logger(__name__)

TABLES = ("events_servedrecommendation", "events_listimpression")
LOCK = "served-log-partitions"
LOCK_MILLISECONDS = 200
_TRIES = 20
_PAUSE_SECONDS = 0.25
_MONTHS_AHEAD = 2
_NAME = re.compile(r"(?P<table>.+)_(?P<year>\d{4})_(?P<month>\d{2})")
_CHILDREN = """
    SELECT child.relname FROM pg_inherits
    JOIN pg_class child ON child.oid = inhrelid JOIN pg_class parent ON parent.oid = inhparent
    WHERE parent.relname = ANY(%s) AND parent.relkind = 'p' AND pg_table_is_visible(parent.oid)
"""


class Partition(NamedTuple):
    """The partition of a table for one month, given by its first day."""

    table: str
    month: date

    @property
    def name(self) -> str:
        return f"{self.table}_{self.month:%Y_%m}"


def month_of(moment: datetime) -> date:
    """The first day of the month, in UTC."""
    return moment.astimezone(UTC).date().replace(day=1)


def month_after(month: date, months: int = 1) -> date:
    """The first day of the month this many months later; earlier for a negative number."""
    years, index = divmod(month.year * 12 + month.month - 1 + months, 12)
    return date(years, index + 1, 1)


def oldest_month(now: datetime | None = None) -> date:
    """The oldest month that is retained: the current one and SERVED_LOG_MONTHS before it."""
    return month_after(month_of(now or timezone.now()), -settings.SERVED_LOG_MONTHS)


def partitions_find() -> list[Partition]:
    """The partitions that exist, oldest first. One query."""
    with connection.cursor() as cursor:
        cursor.execute(_CHILDREN, [list(TABLES)])
        matches = [_NAME.fullmatch(name) for (name,) in cursor.fetchall()]
    found = [Partition(m["table"], date(int(m["year"]), int(m["month"]), 1)) for m in matches if m is not None]
    return sorted(found, key=lambda partition: (partition.month, partition.table))


def partitions_ensure(moments: Iterable[datetime]) -> list[str]:
    """Makes the missing partitions for these moments; returns their names. One query if none is missing.

    Safe in several processes at once. Raises OperationalError if the lock was not to be had.
    """
    wanted = {Partition(table, month) for month in map(month_of, moments) for table in TABLES}
    missing = sorted(wanted.difference(partitions_find())) if wanted else []
    return [partition.name for partition in missing if _retry(partial(_create, partition))]


def partitions_prepare(now: datetime | None = None) -> list[str]:
    """Makes the partitions of this month and the next two; returns the names of new ones."""
    month = month_of(now or timezone.now())
    months = [month_after(month, ahead) for ahead in range(_MONTHS_AHEAD + 1)]
    return partitions_ensure(datetime(m.year, m.month, 1, tzinfo=UTC) for m in months)


def partitions_prune(now: datetime | None = None) -> list[str]:
    """Drops the partitions of months that are not retained any more; returns their names.

    One that cannot be locked stays until the next call.
    """
    oldest, dropped = oldest_month(now), []
    for partition in partitions_find():
        if partition.month >= oldest:
            continue
        try:
            if _retry(partial(_drop, partition)):
                dropped.append(partition.name)
        except OperationalError as error:
            logger.warning("partition_not_dropped", partition=partition.name, reason=str(error))
    return dropped


def _create(partition: Partition) -> bool:
    """Attaches an empty table: CREATE TABLE … PARTITION OF would lock the parent against every reader."""
    after = month_after(partition.month)
    with transaction.atomic(), connection.cursor() as cursor:
        _limit_waiting(cursor)
        transaction_lock(LOCK)
        if partition in partitions_find():
            return False
        cursor.execute(f"CREATE TABLE {partition.name} (LIKE {partition.table} INCLUDING DEFAULTS)")
        cursor.execute(
            f"ALTER TABLE {partition.table} ATTACH PARTITION {partition.name} FOR VALUES FROM "
            f"('{partition.month} 00:00+00') TO ('{after} 00:00+00')"
        )
    logger.info("partition_made", partition=partition.name)
    return True


def _drop(partition: Partition) -> bool:
    with transaction.atomic(), connection.cursor() as cursor:
        _limit_waiting(cursor)
        transaction_lock(LOCK)
        cursor.execute(f"DROP TABLE IF EXISTS {partition.name}")
    logger.info("partition_dropped", partition=partition.name)
    return True


def _limit_waiting(cursor: object) -> None:
    cursor.execute(f"SET LOCAL lock_timeout = {LOCK_MILLISECONDS}")  # type: ignore[attr-defined]


def _retry(change: Callable[[], bool]) -> bool:
    """Runs the change until it gets its lock; raises OperationalError after the last try."""
    for attempt in range(1, _TRIES + 1):
        try:
            return change()
        except OperationalError as error:
            if not isinstance(error.__cause__, LockNotAvailable) or attempt == _TRIES:
                raise
            time.sleep(_PAUSE_SECONDS)
    return False
