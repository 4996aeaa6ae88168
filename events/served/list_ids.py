"""Ids of served lists: UUIDs of version 7 (RFC 9562), whose first 48 bits are the time, so that an id names its month.

Python has ``uuid.uuid7`` from 3.14 on.
"""

import secrets
import time
from datetime import UTC, datetime, timedelta
from uuid import UUID

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def list_id_new() -> UUID:
    """A new id with the time of this moment, in milliseconds, and 74 random bits: it cannot be guessed."""
    bits = time.time_ns() // 1_000_000 << 80 | secrets.randbits(80)
    return UUID(int=bits & ~(0xF << 76) & ~(0b11 << 62) | 0x7 << 76 | 0b10 << 62)


def time_of(list_id: UUID) -> datetime | None:
    """When the list of this id was served; None for an id of another kind, as lists had before."""
    return at_milliseconds(list_id.int >> 80) if list_id.version == 7 else None


def at_milliseconds(milliseconds: int) -> datetime | None:
    """This many milliseconds after 1970, exactly; None beyond the years that Python knows."""
    try:
        return _EPOCH + timedelta(milliseconds=milliseconds)
    except OverflowError:
        return None
