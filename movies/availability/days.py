"""The day on which availability is decided: that of UTC, everywhere."""

from datetime import UTC, date, datetime
from time import time


def now() -> float:
    """Seconds of the epoch. The only clock of availability, so that a test can move it."""
    return time()


def today() -> date:
    """The day in UTC."""
    return datetime.fromtimestamp(now(), UTC).date()


def begins(day: date) -> float:
    """When a day begins, in seconds of the epoch."""
    return datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()
