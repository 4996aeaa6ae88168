"""Lines of a file of events become typed rows, or are refused with a reason."""

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from events.imports.events_checks import check_lines
from events.imports.events_columns import COLUMNS, escape_formulas, unescape_formulas

NOW = datetime(2026, 1, 1, tzinfo=UTC)
LINE = {"email": "ada@example.org", "movielens_id": "1", "kind": "like", "occurred_at": "2024-01-02T03:04:05Z"}


def check(**cells):
    """The typed row, or the reason why the line is bad."""
    frame = pl.DataFrame([{**LINE, **cells}], dict.fromkeys(COLUMNS, pl.String))
    good, bad = check_lines(
        frame,
        default_source="import:file",
        now=NOW,
        earliest=datetime(1990, 1, 1, tzinfo=UTC),
        latest=NOW + timedelta(minutes=5),
    )
    assert good.height + bad.height == 1
    return good.row(0, named=True) if good.height else bad["reason"][0]


def micros(*parts):
    return int(datetime(*parts, tzinfo=UTC).timestamp() * 1_000_000)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2024-01-02", micros(2024, 1, 2)),
        ("2024-01-02 03:04", micros(2024, 1, 2, 3, 4)),
        ("2024-01-02T03:04:05.25Z", micros(2024, 1, 2, 3, 4, 5, 250_000)),
        ("2024-01-02T03:04:05+02:00", micros(2024, 1, 2, 1, 4, 5)),
        ("2024-01-02T03:04:05-0130", micros(2024, 1, 2, 4, 34, 5)),
        ("1704164645", micros(2024, 1, 2, 3, 4, 5)),
        ("2026-01-01T00:04:00Z", micros(2026, 1, 1, 0, 4)),
    ],
)
def test_times_are_read_in_every_form(text, moment):
    assert check(occurred_at=text)["occurred_at"] == moment


@pytest.mark.parametrize(
    ("cells", "reason"),
    [
        ({"kind": None}, "the kind is missing"),
        ({"kind": "loved"}, "an unknown kind; known: rating, like, dislike, view, watch, hide, click, watchlist"),
        ({"kind": "partial"}, "an unknown kind; known: rating, like, dislike, view, watch, hide, click, watchlist"),
        ({"kind": "rating"}, "a rating needs a value"),
        ({"kind": "rating", "value": "NaN"}, "the value is not a number"),
        ({"kind": "rating", "value": "Infinity"}, "the value is not a number"),
        ({"kind": "rating", "value": "1e99"}, "the rating is not 0.5 to 5 in steps of 0.5"),
        ({"kind": "rating", "value": "4.2"}, "the rating is not 0.5 to 5 in steps of 0.5"),
        ({"kind": "rating", "value": "0"}, "the rating is not 0.5 to 5 in steps of 0.5"),
        ({"value": "4"}, "only a rating has a value"),
        ({"progress": "0.5"}, "only a watch has a progress"),
        ({"kind": "watch", "progress": "inf"}, "the progress is not a number"),
        ({"kind": "watch", "progress": "1.1"}, "the progress is not 0 to 1"),
        ({"occurred_at": None}, "the time is missing"),
        ({"occurred_at": "yesterday"}, "occurred_at is not a time"),
        ({"occurred_at": "2024-02-30"}, "occurred_at is not a time"),
        ({"occurred_at": "99999999999999999"}, "occurred_at is not a time"),
        ({"occurred_at": "1989-12-31"}, "the time is before 1990"),
        ({"occurred_at": "2026-01-02"}, "the time is in the future"),
        ({"event_id": "7"}, "event_id is not a UUID"),
        ({"recommendation_id": "7"}, "recommendation_id is not a UUID"),
        ({"source": "x" * 41}, "the source has more than 40 characters"),
        ({"undo": "maybe"}, "undo is not true or false"),
        ({"undone_at": "2026-01-02"}, "undone_at is in the future or too early"),
        ({"email": None}, "no person is named"),
        ({"email": None, "client": "shop"}, "client and external_id go together"),
        ({"email": None, "dataset": "ml-1m"}, "dataset and dataset_user_id go together"),
        ({"user_id": "9" * 19}, "user_id is not a whole number, or too large"),
        ({"user_id": "9" * 99}, "user_id is not a whole number, or too large"),
        ({"movielens_id": "-1"}, "movielens_id is not a whole number, or too large"),
        ({"movielens_id": "2147483648"}, "movielens_id is not a whole number, or too large"),
        ({"movielens_id": None}, "no movie is named"),
        ({"imdb_id": "nm0000001"}, "imdb_id is not an id of IMDb"),
        ({"email": "a\0b"}, "a cell holds control characters or is not valid text"),
        ({"source": "caf\ufffd"}, "a cell holds control characters or is not valid text"),
        ({"email": "x" * 301}, "a cell is too long"),
    ],
)
def test_bad_cells_are_refused_with_their_reason(cells, reason):
    assert check(**cells) == reason


def test_a_watch_below_nine_tenths_is_partial():
    assert check(kind="watch", progress="0.89")["kind"] == "partial"
    assert check(kind="watch", progress="0.9")["kind"] == "watch"
    assert check(kind="Watch")["kind"] == "watch"


def test_an_undo_needs_no_value():
    row = check(kind="rating", undo="true")
    assert (row["kind"], row["value"], row["undo"]) == ("rating", None, True)
    row = check(kind="watch", progress="0.2", undo="1")
    assert (row["kind"], row["progress"]) == ("watch", None)


def test_ids_are_read_as_spreadsheets_write_them():
    row = check(movielens_id="862.0", imdb_id="114709", tmdb_id=" 12 ")
    assert (row["movielens_id"], row["imdb_id"], row["tmdb_id"]) == (862, "tt0114709", 12)


def test_only_a_missing_source_gets_the_default():
    assert check()["source"] == "import:file"
    assert check(source="")["source"] == ""
    assert check(source="row:new")["source"] == "row:new"


def test_an_undo_counts_as_undone_from_its_own_time():
    assert check(undo="true")["undone_at"] == micros(2024, 1, 2, 3, 4, 5)
    assert check()["undone_at"] is None


def test_formulas_are_escaped_and_read_back():
    texts = ["=1+1", "+1", "-1", "@sum", "'quoted", "''", "plain", "", None]
    frame = pl.DataFrame({"external_id": texts}, {"external_id": pl.String})
    escaped = escape_formulas(frame)
    assert escaped["external_id"].to_list()[:4] == ["'=1+1", "'+1", "'-1", "'@sum"]
    assert unescape_formulas(escaped)["external_id"].to_list() == texts
