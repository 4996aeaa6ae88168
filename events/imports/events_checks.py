"""Checks lines of a file of events, a column at a time, and gives them types. No database."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import polars as pl

from events.imports.events_columns import COLUMNS, FILE_KINDS, PERSON_COLUMNS
from events.kinds import WATCHED_FROM, Kind
from events.models import MAX_RATING, MAX_SOURCE_LENGTH, MIN_RATING
from events.new_events import RATING_STEP

CELL_LIMIT: Final = 300
_MAX_ID = 2**63 - 1
_MAX_FILE_ID = 2**31 - 1
_SECOND = 1_000_000
# A number of ordinary size; no NaN and no Infinity, which casts would accept.
_NUMBER = r"^[+-]?(\d{1,20}(\.\d{0,20})?|\.\d{1,20})([eE][+-]?\d{1,2})?$"
# Spreadsheets and pandas write whole numbers as 862.0.
_WHOLE = r"^(\d{1,19})(?:\.0*)?$"
_UUID = r"^[0-9a-fA-F]{8}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{12}$"
_MOMENT = r"^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d)(?::(\d\d(?:\.\d{1,9})?))?)?\s*(Z|z|[+-]\d\d:?\d\d)?$"
_UNIX = r"^\d{1,11}(\.\d{1,9})?$"
_IMDB = r"^(?:tt)?(\d{1,10})$"
# Characters that PostgreSQL or a log cannot hold, and U+FFFD, which stands for bytes that could not be decoded.
_UNREADABLE = r"[\x00-\x1f\x7f\x{FFFD}]"


def check_lines(
    frame: pl.DataFrame, *, default_source: str, now: datetime, earliest: datetime, latest: datetime
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Splits rows of texts (see ``events_files.Block``) into good rows with types, and (row, reason) of the others.

    row: the position in ``frame``. Times are microseconds since 1970, numbers and texts are null where absent; an
    ``occurred_at`` after ``now`` but before ``latest`` stays as it is. ``kind`` is as stored.
    """
    columns = [_stripped(name) for name in COLUMNS]
    typed = frame.select(columns).with_row_index("row").with_columns(*_typed(default_source))
    typed = typed.with_columns(
        pl.coalesce(_problem(*problem) for problem in _problems(earliest, latest)).alias("reason")
    )
    bad = typed.filter(pl.col("reason").is_not_null()).select("row", "reason")
    return _shaped(typed.filter(pl.col("reason").is_null())), bad


def _stripped(name: str) -> pl.Expr:
    """The text without spaces around it, null if that leaves nothing; an empty source is one, and ids keep spaces."""
    column = pl.col(name) if name == "external_id" else pl.col(name).str.strip_chars(" ")
    return column if name == "source" else pl.when(column != "").then(column).alias(name)


def _typed(default_source: str) -> list[pl.Expr]:
    """The typed value of each column beside its text: ``x`` becomes ``x_typed``, null if it cannot be read."""
    return [
        pl.col("kind").str.to_lowercase().alias("kind_typed"),
        *(_number(name).alias(f"{name}_typed") for name in ("value", "progress")),
        *(_moment(name).alias(f"{name}_typed") for name in ("occurred_at", "undone_at")),
        *(
            _whole(name, _MAX_ID if name in ("user_id", "movie_id", "dataset_user_id") else _MAX_FILE_ID).alias(
                f"{name}_typed"
            )
            for name in ("user_id", "movie_id", "dataset_user_id", "movielens_id", "tmdb_id")
        ),
        ("tt" + pl.col("imdb_id").str.extract(_IMDB).str.zfill(7)).alias("imdb_id_typed"),
        pl.col("source").fill_null(default_source).alias("source_typed"),
        pl.col("undo")
        .str.to_lowercase()
        .replace_strict(_TRUTH, default=None, return_dtype=pl.Boolean)
        .alias("undo_typed"),
    ]


_TRUTH = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}


def _number(name: str) -> pl.Expr:
    column = pl.col(name)
    return pl.when(column.str.contains(_NUMBER)).then(column).cast(pl.Float64, strict=False)


def _whole(name: str, largest: int) -> pl.Expr:
    number = pl.col(name).str.extract(_WHOLE).cast(pl.Int64, strict=False)
    return pl.when(number.is_between(1, largest)).then(number)


def _moment(name: str) -> pl.Expr:
    """Microseconds since 1970 of a time in ISO 8601 (UTC if it names no zone) or in Unix seconds."""
    column = pl.col(name)
    date, clock, seconds, zone = (column.str.extract(_MOMENT, group) for group in range(1, 5))
    text = pl.concat_str(date, pl.lit("T"), clock.fill_null("00:00"), pl.lit(":"), seconds.fill_null("00"))
    local = text.str.to_datetime("%Y-%m-%dT%H:%M:%S%.f", time_unit="us", strict=False).dt.epoch("us")
    digits = zone.str.replace(":", "", literal=True)
    hours, minutes = (digits.str.slice(at, 2).cast(pl.Int64, strict=False) for at in (1, 3))
    ahead = pl.when(digits.str.starts_with("-")).then(-1).otherwise(1) * (hours * 3600 + minutes * 60) * _SECOND
    unix = pl.when(column.str.contains(_UNIX)).then(column).cast(pl.Float64, strict=False) * _SECOND
    return pl.coalesce(local - ahead.fill_null(0), unix.round().cast(pl.Int64, strict=False))


def _problem(condition: pl.Expr, reason: str) -> pl.Expr:
    return pl.when(condition).then(pl.lit(reason))


def _unreadable(name: str) -> pl.Expr:
    """Whether the cell holds something that has no typed value."""
    return pl.col(name).is_not_null() & pl.col(f"{name}_typed").is_null()


def _problems(earliest: datetime, latest: datetime) -> list[tuple[pl.Expr, str]]:
    """(condition, reason) pairs; the first that holds is the reason of the line. Reasons hold no values."""
    texts = [pl.col(name) for name in COLUMNS]
    kind, value, progress = pl.col("kind_typed"), pl.col("value_typed"), pl.col("progress_typed")
    occurred, undone = pl.col("occurred_at_typed"), pl.col("undone_at_typed")
    rating, undo = kind == Kind.RATING.value, pl.col("undo_typed").fill_null(value=False)
    return [
        (pl.any_horizontal(text.str.len_chars() > CELL_LIMIT for text in texts), "a cell is too long"),
        (
            pl.any_horizontal(text.str.contains(_UNREADABLE) for text in texts),
            "a cell holds control characters or is not valid text",
        ),
        (kind.is_null(), "the kind is missing"),
        (~kind.is_in(FILE_KINDS), f"an unknown kind; known: {', '.join(FILE_KINDS)}"),
        (_unreadable("value"), "the value is not a number"),
        (rating & value.is_null() & ~undo, "a rating needs a value"),
        (
            rating & ~(value.is_between(MIN_RATING, MAX_RATING) & (value % RATING_STEP == 0)),
            f"the rating is not {MIN_RATING:g} to {MAX_RATING:g} in steps of {RATING_STEP:g}",
        ),
        (~rating & value.is_not_null(), "only a rating has a value"),
        (_unreadable("progress"), "the progress is not a number"),
        ((kind != Kind.WATCH.value) & progress.is_not_null(), "only a watch has a progress"),
        (~progress.is_between(0, 1), "the progress is not 0 to 1"),
        (pl.col("occurred_at").is_null(), "the time is missing"),
        (occurred.is_null(), "occurred_at is not a time"),
        (occurred < _micros(earliest), f"the time is before {earliest.year}"),
        (occurred > _micros(latest), "the time is in the future"),
        *((pl.col(name).is_not_null() & ~pl.col(name).str.contains(_UUID), f"{name} is not a UUID") for name in _UUIDS),
        (
            pl.col("source_typed").str.len_chars() > MAX_SOURCE_LENGTH,
            f"the source has more than {MAX_SOURCE_LENGTH} characters",
        ),
        (_unreadable("undo"), "undo is not true or false"),
        (_unreadable("undone_at"), "undone_at is not a time"),
        (~undone.is_between(_micros(earliest), _micros(latest)), "undone_at is in the future or too early"),
        *_name_problems(),
    ]


_UUIDS = ("event_id", "recommendation_id")


def _name_problems() -> list[tuple[pl.Expr, str]]:
    """The problems of the names of people and movies."""
    ids = ("user_id", "dataset_user_id", "movielens_id", "tmdb_id", "movie_id")
    return [
        *((_unreadable(name), f"{name} is not a whole number, or too large") for name in ids),
        (_unreadable("imdb_id"), "imdb_id is not an id of IMDb"),
        (pl.col("client").is_null() != pl.col("external_id").is_null(), "client and external_id go together"),
        (pl.col("dataset").is_null() != pl.col("dataset_user_id").is_null(), "dataset and dataset_user_id go together"),
        (pl.all_horizontal(pl.col(name).is_null() for name in PERSON_COLUMNS), "no person is named"),
        (
            pl.all_horizontal(pl.col(name).is_null() for name in ("movielens_id", "imdb_id", "tmdb_id", "movie_id")),
            "no movie is named",
        ),
    ]


def _micros(moment: datetime) -> int:
    return int(moment.timestamp()) * _SECOND


def _shaped(typed: pl.DataFrame) -> pl.DataFrame:
    """The columns that are stored, by their names, with the kind that is stored."""
    kind, undo = pl.col("kind_typed"), pl.col("undo_typed").fill_null(value=False)
    partial = (kind == Kind.WATCH.value) & (pl.col("progress_typed") < WATCHED_FROM) & ~undo
    return typed.select(
        "row",
        *("email", "client", "external_id", "dataset"),
        *(
            pl.col(f"{name}_typed").alias(name)
            for name in ("user_id", "dataset_user_id", "movielens_id", "imdb_id", "tmdb_id", "movie_id")
        ),
        pl.when(partial).then(pl.lit(Kind.PARTIAL.value)).otherwise(kind).alias("kind"),
        # What is taken back says how much; the undo does not.
        *(pl.when(~undo).then(f"{name}_typed").alias(name) for name in ("value", "progress")),
        *(pl.col(f"{name}_typed").alias(name) for name in ("occurred_at", "source")),
        *(pl.col(name).str.to_lowercase().str.replace_all("-", "", literal=True) for name in _UUIDS),
        undo.alias("undo"),
        # An undo takes itself back, too.
        pl.when(undo)
        .then(pl.coalesce("undone_at_typed", "occurred_at_typed"))
        .otherwise("undone_at_typed")
        .alias("undone_at"),
    )
