"""Reads events of a batch that are plainly valid, in one pass: REST framework's fields take ten times as long.

Whatever is not plain (another type, a value at its limit, an unknown field) is left to ``EventWriteSerializer``, which
accepts or refuses it. So the errors have one source, and what both accept, both read alike.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from rest_framework import serializers

from accounts.clients.users import external_id_problem
from events.ingest import is_source
from events.kinds import API_KIND_CHOICES

_KINDS: Final = frozenset(kind for kind, _ in API_KIND_CHOICES)
_IDS_END: Final = 2**63
_VALUES_END: Final = 1_000
_TIME: Final = serializers.DateTimeField()


class _NotPlainError(Exception):
    """The serializer decides."""


def plain_event(item: Any) -> dict[str, Any] | None:
    """What ``EventWriteSerializer`` reads from the item; None where only the serializer can say."""
    if type(item) is not dict or "movie" not in item or "kind" not in item:
        return None
    try:
        return {name: _READERS[name](value) for name, value in item.items()}
    except (_NotPlainError, KeyError, ValueError, serializers.ValidationError):
        return None


def _movie(value: Any) -> int:
    if type(value) is int and 1 <= value < _IDS_END:
        return value
    raise _NotPlainError


def _kind(value: Any) -> str:
    if type(value) is str and value in _KINDS:
        return value
    raise _NotPlainError


def _value(value: Any) -> float | None:
    if value is None:
        return None
    if type(value) in (int, float) and -_VALUES_END < value < _VALUES_END:
        return float(value)
    raise _NotPlainError


def _progress(value: Any) -> float | None:
    if value is None:
        return None
    if type(value) in (int, float) and 0 <= value <= 1:
        return float(value)
    raise _NotPlainError


def _occurred_at(value: Any) -> datetime:
    if type(value) is not str:
        raise _NotPlainError
    return _TIME.to_internal_value(value)


def _event_id(value: Any) -> UUID:
    if type(value) is not str:
        raise _NotPlainError
    return UUID(hex=value)


def _recommendation_id(value: Any) -> UUID | None:
    return None if value is None else _event_id(value)


def _source(value: Any) -> str:
    # The serializer's field takes spaces off.
    if type(value) is str and is_source(value) and value == value.strip():
        return value
    raise _NotPlainError


def _undo(value: Any) -> bool:
    if type(value) is bool:
        return value
    raise _NotPlainError


def _user(value: Any) -> str:
    if type(value) is str and external_id_problem(value) is None:
        return value
    raise _NotPlainError


_READERS: Final[dict[str, Callable[[Any], Any]]] = {
    "movie": _movie,
    "kind": _kind,
    "value": _value,
    "progress": _progress,
    "occurred_at": _occurred_at,
    "event_id": _event_id,
    "recommendation_id": _recommendation_id,
    "source": _source,
    "undo": _undo,
    "user": _user,
}
