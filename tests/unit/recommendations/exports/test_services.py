from io import StringIO

import polars as pl
import pytest
from django.core.management import CommandError, call_command

from movies.models import DatasetMovie, Movie
from tests.factories import make_batch_list, make_imported_user, make_movie, make_user, make_version


@pytest.fixture
def live(db) -> dict[str, Movie]:
    """Two imported people, one who registered, and a movie that the data set does not know; ids unlike the set's."""
    films = {name: make_movie(name) for name in ("Heat", "Alien", "Up", "Local")}
    for number, name in ((101, "Heat"), (102, "Alien"), (103, "Up")):
        DatasetMovie.objects.create(dataset="ml-test", dataset_movie_id=number, movie=films[name])
    version = make_version()
    second, first, registered = make_imported_user("ml-test", 9), make_imported_user("ml-test", 4), make_user()
    make_batch_list(version, second, {films["Up"]: 3.0, films["Heat"]: 2.0})
    make_batch_list(version, first, {films["Heat"]: 0.5, films["Local"]: 0.25, films["Alien"]: 0.125})
    make_batch_list(version, registered, {films["Up"]: 1.0})
    return films


def run(*args: object) -> str:
    out = StringIO()
    call_command("export_recommendations", *args, stdout=out)
    return out.getvalue()


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_lists_are_written_in_the_data_sets_ids(live, tmp_path, suffix):
    path = tmp_path / f"out.{suffix}"

    said = run(path)

    rows = pl.read_csv(path) if suffix == "csv" else pl.read_parquet(path)
    assert rows.columns == ["user", "movie", "rank", "score"]
    assert rows.rows() == [(4, 101, 1, 0.5), (4, 102, 2, 0.125), (9, 103, 1, 3.0), (9, 101, 2, 2.0)]
    assert "4 rows for 2 people" in said
    assert "1 people are not in that data set" in said


def test_internal_ids_have_everybody_and_every_movie(live, tmp_path):
    run(tmp_path / "out.csv", "--ids", "internal")

    rows = pl.read_csv(tmp_path / "out.csv")
    assert rows["user"].n_unique() == 3
    assert live["Local"].pk in rows["movie"].to_list()


def test_hidden_movies_and_places_past_the_limit_are_left_out(live, tmp_path):
    Movie.objects.filter(title="Heat").update(status=Movie.Status.HIDDEN)

    run(tmp_path / "out.csv", "--limit", 1)

    assert pl.read_csv(tmp_path / "out.csv").rows() == [(4, 102, 1, 0.125), (9, 103, 1, 3.0)]


def test_of_several_data_sets_one_must_be_named(live, tmp_path):
    make_imported_user("ml-other", 1)

    with pytest.raises(CommandError, match=r"--dataset \(ml-other, ml-test\)"):
        run(tmp_path / "out.csv")
    with pytest.raises(CommandError, match=r"no data set 'nope' here: ml-other, ml-test"):
        run(tmp_path / "out.csv", "--dataset", "nope")
    run(tmp_path / "out.csv", "--dataset", "ml-test")

    assert pl.read_csv(tmp_path / "out.csv").height == 4


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["out.csv"], "No model is live"),
        (["out.xlsx"], "must end in"),
        (["out.csv", "--limit", "0"], "--limit must be 1 to 100"),
        (["none/out.csv"], "There is no folder"),
        (["out.csv", "--ids", "internal", "--dataset", "x"], "--dataset goes with"),
    ],
)
def test_what_cannot_be_exported_is_said_and_nothing_is_written(db, tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)

    with pytest.raises(CommandError, match=message):
        run(*arguments)

    assert list(tmp_path.iterdir()) == []
