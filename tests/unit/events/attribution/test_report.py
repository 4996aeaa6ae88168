"""``manage.py report recommendations``."""

import csv
import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from accounts.clients.services import client_get_or_create
from events.attribution.report import wilson
from events.attribution.services import statistics_refresh
from tests.unit.events.attribution.rows import BATCH, NEW, POPULAR, act, ago, show


def run(*arguments: object) -> tuple[str, str]:
    out, errors = StringIO(), StringIO()
    call_command("report", "recommendations", *arguments, stdout=out, stderr=errors)
    return out.getvalue(), errors.getvalue()


@pytest.fixture
def counted(cast):
    movies = [cast["Heat"], cast["Babe"], cast["Alien"]]
    shop = client_get_or_create(name="=shop").pk
    show(cast.bob, movies, ago(hours=30), sources=[BATCH, POPULAR, NEW], model_version_id=7)
    show(cast.carol, movies, ago(hours=5), experiment="blend", arm="b", client_id=shop)
    act(cast.bob, cast["Babe"], "click", ago(hours=29))
    act(cast.carol, cast["Heat"], "watch", ago(hours=4))
    act(cast.carol, cast["Heat"], "rating", ago(hours=3), value=4.5)
    statistics_refresh()
    return cast


@pytest.mark.parametrize(
    ("by", "labels"),
    [
        ("total", ["all"]),
        ("source", ["batch", "new", "popular"]),
        ("position", ["1", "2", "3"]),
        ("version", ["no model", "7"]),
        ("arm", ["no experiment", "blend: b"]),
        ("client", ["this site", "=shop"]),
        ("endpoint", ["recommendations"]),
        ("day", [f"{ago(hours=30):%Y-%m-%d}", f"{ago(hours=5):%Y-%m-%d}"]),
    ],
)
def test_each_dimension_has_its_rows(counted, by, labels):
    report = json.loads(run("--by", by, "--json")[0])

    assert [row["label"] for row in report["rows"]] == list(dict.fromkeys(labels))
    assert sum(row["impressions"] for row in report["rows"]) == 6
    assert sum(row["opened"] for row in report["rows"]) == 1
    assert sum(row["watches"] for row in report["rows"]) == 1


def test_the_table_has_rates_intervals_and_bars(counted):
    text, errors = run("--by", "source")

    assert "100.00% (20.65-100.00)" in text
    assert "█" * 12 in text
    assert "1 (⌀ 4.50)" in text
    assert "batch" in text
    assert errors == ""


def test_only_the_days_asked_are_counted(counted):
    (row,) = json.loads(run("--by", "total", "--days", "1", "--json")[0])["rows"]

    assert (row["impressions"], row["opened"]) == (3, 0)


def test_csv_has_a_line_for_each_row_and_no_labels(counted):
    rows = list(csv.DictReader(StringIO(run("--by", "client", "--csv")[0])))

    assert [row["impressions"] for row in rows] == ["3", "3"]
    assert "label" not in rows[0]
    assert rows[0]["click_through_low"] < rows[0]["click_through"] < rows[0]["click_through_high"]


@pytest.mark.parametrize("name", ["plot.svg", "plot.png"])
def test_a_plot_is_written(counted, tmp_path, name):
    run("--plot", str(tmp_path / name))

    start = (tmp_path / name).read_bytes()[:200]
    assert b"<svg" in start or b"<?xml" in start or start.startswith(b"\x89PNG")


def test_refresh_counts_what_was_not_counted_yet(cast):
    show(cast.bob, [cast["Heat"]], ago(hours=1))
    act(cast.bob, cast["Heat"], "click", ago(minutes=30))

    text, errors = run("--refresh", "--by", "total", "--json")

    (row,) = json.loads(text)["rows"]
    assert (row["impressions"], row["opened"]) == (1, 1)
    assert errors == "Counting …\n"


def test_refresh_says_that_another_process_counts(counted, monkeypatch):
    monkeypatch.setattr("events.management.commands.report.statistics_refresh", lambda: None)

    text, errors = run("--refresh", "--by", "total", "--json")

    assert json.loads(text)["rows"][0]["impressions"] == 6
    assert "Another process is counting" in errors


def test_without_statistics_it_says_so(db, tmp_path):
    text, errors = run("--plot", str(tmp_path / "plot.svg"))

    assert text == ""
    assert "There are no statistics yet" in errors
    assert not (tmp_path / "plot.svg").exists()
    assert json.loads(run("--json")[0])["rows"] == []


@pytest.mark.parametrize(
    "arguments", [("--days", 0), ("--days", 801), ("--plot", "plot.pdf"), ("--by", "person"), ("--csv", "--json")]
)
def test_a_wrong_argument_is_an_error(db, arguments):
    with pytest.raises(CommandError):
        run(*arguments)


def test_a_plot_that_cannot_be_written_is_an_error(counted, tmp_path):
    with pytest.raises(CommandError, match="was not written"):
        run("--plot", str(tmp_path / "missing" / "plot.svg"))


def test_the_interval_is_wilsons():
    assert wilson(0, 0) is None
    rate, low, high = wilson(10, 100)
    # From Brown, Cai and DasGupta's formula by hand.
    assert (rate, round(low, 4), round(high, 4)) == (0.1, 0.0552, 0.1744)
