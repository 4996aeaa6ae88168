"""Exports events as a table, oldest row first, with the names of people and movies that other databases know."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl
from django.db import transaction
from django.db.models import QuerySet

from accounts.models import Client
from events.exports.files import ExportError, check_target, frames_write
from events.imports.events_columns import COLUMNS, FILE_KINDS
from events.imports.events_services import EventsProgress, OnEvents
from events.kinds import STORED_AS, Kind
from events.models import Interaction

_BLOCK_ROWS = 20_000
_FIELDS = {
    "email": "user__email",
    "client": "user__client__name",
    "external_id": "user__external_id",
    "dataset": "user__dataset",
    "dataset_user_id": "user__dataset_user_id",
    "movielens_id": "movie__movielens_id",
    "imdb_id": "movie__imdb_id",
    "tmdb_id": "movie__tmdb_id",
}
_INTS = ("dataset_user_id", "user_id", "movielens_id", "tmdb_id", "movie_id")
_TIMES = ("occurred_at", "undone_at")
# Texts that are empty where there is none; an empty source is one.
_BLANKS = ("external_id", "dataset", "imdb_id")


def _type_of(name: str) -> Any:
    if name in _INTS:
        return pl.Int64
    if name in _TIMES:
        return pl.Datetime("us", "UTC")
    return {"value": pl.Float64, "progress": pl.Float32, "undo": pl.Boolean}.get(name, pl.String)


_SCHEMA = pl.Schema({name: _type_of(name) for name in COLUMNS})


@dataclass(frozen=True, slots=True)
class EventFilters:
    """Which events are exported; times are of ``occurred_at``: from ``since`` on, before ``until``."""

    since: datetime | None = None
    until: datetime | None = None
    kinds: Sequence[str] = ()
    client: str | None = None


def events_export(
    *,
    path: Path,
    form: str | None = None,
    filters: EventFilters | None = None,
    on_progress: OnEvents = lambda progress: None,
) -> int:
    """Writes the events to ``path``; returns how many. Two queries, one of them streamed, at one moment.

    form: the format, by default by the file's extension. Events that were undone are among them, with ``undone_at``.
    Raises ExportError, OSError.
    """
    form = check_target(path, form)
    events = _filtered(filters or EventFilters())
    # In a transaction, so that the server-side cursor streams: outside, PostgreSQL would copy the whole result first.
    with transaction.atomic():
        total = events.count()
        return frames_write(path, form, _frames(events, total, on_progress), _SCHEMA)


def _filtered(filters: EventFilters) -> QuerySet[Interaction]:
    events = Interaction.objects.all()
    if filters.since is not None:
        events = events.filter(occurred_at__gte=filters.since)
    if filters.until is not None:
        events = events.filter(occurred_at__lt=filters.until)
    if filters.kinds:
        unknown = [kind for kind in filters.kinds if kind not in FILE_KINDS]
        if unknown:
            raise ExportError(f"There is no kind {unknown[0]!r}; there are {', '.join(FILE_KINDS)}.")
        events = events.filter(kind__in=[stored.value for kind in filters.kinds for stored in STORED_AS[Kind(kind)]])
    if filters.client is not None:
        client = Client.objects.filter(name=filters.client).first()
        if client is None:
            raise ExportError(f"There is no client application {filters.client!r}.")
        events = events.filter(user__client=client)
    return events


def _frames(events: QuerySet[Interaction], total: int, on_progress: OnEvents) -> Iterator[pl.DataFrame]:
    fields = [_FIELDS.get(name, name) for name in COLUMNS]
    rows = events.order_by("pk").values_list(*fields).iterator(chunk_size=_BLOCK_ROWS)
    done = 0
    held: list[tuple[Any, ...]] = []
    for row in rows:
        held.append(row)
        if len(held) == _BLOCK_ROWS:
            done += len(held)
            yield _frame(held)
            on_progress(EventsProgress(done, done, total))
            held = []
    if held:
        yield _frame(held)
        on_progress(EventsProgress(done + len(held), total, total))


def _frame(rows: list[tuple[Any, ...]]) -> pl.DataFrame:
    columns = dict(zip(COLUMNS, (list(column) for column in zip(*rows, strict=True)), strict=True))
    for name in ("event_id", "recommendation_id"):
        columns[name] = [None if value is None else str(value) for value in columns[name]]
    frame = pl.DataFrame(columns, _SCHEMA)
    return frame.with_columns(
        pl.col("kind").replace(Kind.PARTIAL.value, Kind.WATCH.value),
        *(pl.when(pl.col(name) != "").then(name).alias(name) for name in _BLANKS),
    )
