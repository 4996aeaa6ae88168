"""``manage.py evaluate``: a table, JSON and a plot without a database, and clear errors before any work."""

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from tests.evaluation.small import metadata_csv, movielens_zip


def _evaluate(**options):
    out = StringIO()
    words = [f"--{name}" if value is True else f"--{name}={value}" for name, value in options.items()]
    call_command("evaluate", "--quiet", *words, stdout=out, stderr=StringIO())
    return out.getvalue()


# No test here asks for the database: pytest-django fails any that touches it.
def test_a_run_prints_all_rows_and_writes_json_and_a_plot(tmp_path):
    shown = _evaluate(
        protocol="cold-movies",
        data=str(movielens_zip(tmp_path)),
        metadata=str(metadata_csv(tmp_path)),
        k=3,
        json=str(tmp_path / "out.json"),
        plot=str(tmp_path / "out.png"),
    )

    assert "cold-movies on ml-tiny" in shown
    assert "genres only" in shown
    assert "reference: LSA" in shown
    assert "peak memory MiB" in shown
    report = json.loads((tmp_path / "out.json").read_text())
    assert report["main_metric"] == "ndcg@3"
    assert report["rows"][0]["interval"]["low"] <= report["rows"][0]["figures"]["ndcg@3"]
    assert (tmp_path / "out.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"protocol": "nope"}, "There is no protocol 'nope'"),
        ({"data": "missing.zip"}, "There is nothing at missing.zip"),
        ({"k": 0}, "k must be 1 or more"),
        ({"k": 10_000}, "more than the"),
        ({"seed": -1}, "--seed must be 0 or more"),
        ({"metadata": "missing.csv"}, "There is no file at missing.csv"),
        ({"ablation": True}, "has no ablation"),
    ],
)
def test_bad_input_is_an_error_that_says_what_is_wrong(tmp_path, changes, message):
    options = {"protocol": "cold-movies", "data": str(movielens_zip(tmp_path)), "metadata": str(metadata_csv(tmp_path))}
    with pytest.raises(CommandError, match=message):
        _evaluate(**(options | changes))


@pytest.mark.parametrize("option", ["json", "plot"])
def test_an_unwritable_output_is_reported_before_reading_data(tmp_path, option):
    for unwritable in (tmp_path, tmp_path / "no" / "such" / "file"):
        with pytest.raises(CommandError, match=f"--{option}"):
            _evaluate(protocol="cold-movies", data=str(tmp_path / "missing.zip"), **{option: str(unwritable)})
