"""Imports and attribution after a merge: what names the duplicate counts for the movie it was merged into."""

import json

import pytest
from django.core.management import call_command

from events.attribution.services import statistics_refresh
from events.imports.services import movielens_import
from events.models import Interaction, Rating
from events.taste.services import taste_import_confirm, taste_import_create
from movies.models import DatasetMovie, Movie
from tests.archives import CSV, write_zip
from tests.factories import make_movie, make_user
from tests.unit.events.attribution.rows import act, ago, outcome_of, show
from tests.unit.events.taste.files import plain
from tests.unit.movies.merging.rows import merge

MORE_RATINGS = (
    b"userId,movieId,rating,timestamp\n"
    b"1,1,4.0,964982703\n1,2571,5.0,964982704\n2,29,0.5,1445714835\n2,171495,3.5,1445714836\n"
    b"3,29,1.0,1445714835\n3,171495,2.0,1445714836\n"
)


def test_a_data_set_is_imported_again_after_a_merge(db, tmp_path):
    movielens_import(path=write_zip(tmp_path, "ml-latest-small", CSV))
    lost, cosmos = Movie.objects.get(movielens_id=29), Movie.objects.get(movielens_id=171495)
    merge(cosmos, lost)
    (second := tmp_path / "second").mkdir()

    movielens_import(path=write_zip(second, "ml-latest-small", CSV | {"ratings.csv": MORE_RATINGS}))

    found = Rating.objects.filter(movie=lost).order_by("user__dataset_user_id")
    assert list(found.values_list("value", flat=True)) == [3.5, 2.0]
    assert not Rating.objects.filter(movie=cosmos).exists()
    assert DatasetMovie.objects.count() == 4
    assert Movie.objects.count() == 4


def test_a_file_of_events_may_name_the_duplicate(cast, tmp_path):
    double = make_movie("Heat (US)", 1990, movielens_id=7, imdb_id="tt0000008")
    Movie.objects.filter(pk=cast["Heat"].pk).update(movielens_id=6)
    merge(double, cast["Heat"])
    names = [{"movielens_id": 7}, {"imdb_id": "tt0000008"}, {"movie_id": double.pk}]
    lines = [
        {"email": "alice@example.org", "kind": "view", "occurred_at": f"2024-01-0{number}T00:00:00Z", **name}
        for number, name in enumerate(names, start=1)
    ]
    path = tmp_path / "events.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    call_command("import_events", str(path), verbosity=0)

    assert list(Interaction.objects.values_list("movie_id", flat=True)) == [cast["Heat"].pk] * 3


def test_a_persons_file_may_name_the_duplicate(cast):
    person = make_user()
    double = make_movie("Heat in America", 1990, imdb_id="tt0000007")
    merge(double, cast["Heat"])
    text = "Date,Name,Year,Letterboxd URI,Rating\n2024-06-02,Heat in America,1990,https://boxd.it/f1,4.5\n"

    created = taste_import_create(user=person, file=plain(text), name="ratings.csv")
    taste_import_confirm(user=person, import_id=created.pk)

    assert Rating.objects.get(user=person).movie_id == cast["Heat"].pk


def test_a_file_brought_before_the_merge_is_confirmed_after_it(cast):
    person = make_user()
    double = make_movie("Heat in America", 1990)
    text = "Date,Name,Year,Letterboxd URI,Rating\n2024-06-02,Heat in America,1990,https://boxd.it/f1,4.5\n"
    created = taste_import_create(user=person, file=plain(text), name="ratings.csv")
    merge(double, cast["Heat"])
    taste_import_confirm(user=person, import_id=created.pk)

    assert Rating.objects.get(user=person).movie_id == cast["Heat"].pk


def test_events_count_for_lists_from_before_the_merge(cast):
    double = make_movie("Heat (US)", 1990)
    shown = show(cast.bob, [cast["Babe"], double, cast["Heat"]], ago(hours=5))
    click = act(cast.bob, double, "click", ago(hours=4))
    merge(double, cast["Heat"])
    statistics_refresh()

    assert Interaction.objects.get(pk=click.pk).movie_id == cast["Heat"].pk
    assert (outcome_of(click).recommendation_id, outcome_of(click).position) == (shown, 2)


@pytest.mark.django_db
def test_metadata_of_a_duplicate_changes_nothing(cast, tmp_path):
    double = make_movie("Heat (US)", 1990, imdb_id="tt0000007")
    Movie.objects.filter(pk=cast["Heat"].pk).update(imdb_id="tt0000001")
    merge(double, cast["Heat"])
    path = tmp_path / "metadata.csv"
    path.write_text("imdb_id,overview\ntt0000007,Another.\ntt0000001,A heist.\n")
    call_command("import_metadata", str(path), verbosity=0)

    assert Movie.objects.get(pk=cast["Heat"].pk).overview == "A heist."
    assert Movie.objects.get(pk=double.pk).overview == ""
