"""The columns of files of events, shared by import and export, and how CSV protects spreadsheets from formulas."""

from __future__ import annotations

from typing import Final

import polars as pl

from events.kinds import API_KIND_CHOICES

# As the API calls them.
FILE_KINDS: Final = tuple(value for value, _ in API_KIND_CHOICES)

PERSON_COLUMNS: Final = ("email", "client", "external_id", "dataset", "dataset_user_id", "user_id")
MOVIE_COLUMNS: Final = ("movielens_id", "imdb_id", "tmdb_id", "movie_id")
EVENT_COLUMNS: Final = (
    "kind",
    "value",
    "progress",
    "occurred_at",
    "event_id",
    "source",
    "recommendation_id",
    "undo",
    "undone_at",
)
COLUMNS: Final = (*PERSON_COLUMNS, *MOVIE_COLUMNS, *EVENT_COLUMNS)

SUFFIXES: Final = {".csv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".parquet": "parquet"}
FORMATS: Final = ("csv", "jsonl", "parquet")

# A spreadsheet reads a cell that starts so as a formula. An apostrophe is escaped too, so that reading is unambiguous.
_RISKY = r"^[=+\-@\t\r']"
_ESCAPED = r"^'[=+\-@\t\r']"


def escape_formulas(frame: pl.DataFrame) -> pl.DataFrame:
    """Puts an apostrophe before the texts that a spreadsheet would run."""
    return frame.with_columns(
        pl.when(pl.col(name).str.contains(_RISKY)).then("'" + pl.col(name)).otherwise(pl.col(name)).alias(name)
        for name, kind in frame.schema.items()
        if kind == pl.String
    )


def unescape_formulas(frame: pl.DataFrame) -> pl.DataFrame:
    """Removes the apostrophes that ``escape_formulas`` added; all columns are texts."""
    return frame.with_columns(
        pl.when(pl.col(name).str.contains(_ESCAPED)).then(pl.col(name).str.slice(1)).otherwise(pl.col(name)).alias(name)
        for name in frame.columns
    )
