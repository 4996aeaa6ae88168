from datetime import UTC, datetime

import pytest
from django.db import connection
from django.utils import timezone

from accounts.models import User
from events.imports import services
from events.imports.services import movielens_import
from events.models import Interaction, Rating, Tag
from movies.models import DatasetMovie, Genre, Movie
from movies.movielens.errors import BadLineError
from tests.archives import CSV, DAT_1M, DAT_10M, U, real_data, write_folder, write_zip

pytestmark = pytest.mark.django_db

TABLES = (
    "accounts_user",
    "movies_movie",
    "movies_genre",
    "movies_movie_genres",
    "movies_datasetmovie",
    "events_rating",
    "events_tag",
)


def snapshot():
    """Every row with the places it stands at: equal snapshots mean that no row was written or even locked."""
    with connection.cursor() as cursor:
        found = {}
        for table in TABLES:
            cursor.execute(f"SELECT ctid::text, xmin::text, xmax::text, t::text FROM {table} t ORDER BY t::text")
            found[table] = cursor.fetchall()
        return found


def counts():
    return tuple(model.objects.count() for model in (Movie, DatasetMovie, User, Rating, Tag))


def table_definition():
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT conname, pg_get_constraintdef(oid), convalidated FROM pg_constraint"
            " WHERE conrelid = 'events_rating'::regclass"
            " UNION ALL SELECT indexname, indexdef, true FROM pg_indexes WHERE tablename = 'events_rating'"
            " ORDER BY 1, 2"
        )
        return cursor.fetchall()


@pytest.mark.parametrize(
    ("name", "files", "expected"),
    [
        ("ml-latest-small", CSV, (4, 4, 3, 4, 2)),
        ("ml-1m", DAT_1M, (3, 3, 2, 3, 0)),
        ("ml-10m", DAT_10M, (3, 3, 2, 2, 1)),
        ("ml-100k", U, (4, 4, 3, 4, 0)),
    ],
)
def test_each_layout_is_stored_and_a_second_import_writes_no_row(tmp_path, name, files, expected):
    path = write_zip(tmp_path, name, files)
    first = movielens_import(path=path)
    before = snapshot()
    assert counts() == expected
    assert (first.movies_new, first.people_new, first.ratings_new, first.tags_new) == (
        expected[0], expected[2], expected[3], expected[4],
    )  # fmt: skip

    second = movielens_import(path=path)

    assert snapshot() == before
    assert not second.changed
    assert (second.movies_known, second.people_known) == (expected[0], expected[2])
    assert (second.ratings_unchanged, second.tags_known) == (expected[3], expected[4])


def test_what_is_stored_is_what_the_files_say(tmp_path):
    started = timezone.now()
    movielens_import(path=write_folder(tmp_path, "ml-latest-small", CSV))
    matrix = Movie.objects.get(movielens_id=2571)
    assert (matrix.title, matrix.year, matrix.status) == ("The Matrix", 1999, "published")
    assert (matrix.imdb_id, matrix.tmdb_id) == ("tt0133093", 603)
    assert matrix.content_changed_at >= started
    assert sorted(genre.slug for genre in matrix.genres.all()) == ["action", "sci-fi", "thriller"]
    cosmos = Movie.objects.get(movielens_id=171495)
    assert (cosmos.year, cosmos.imdb_id, cosmos.tmdb_id, cosmos.genres.count()) == (None, "", 409926, 0)
    person = User.objects.get(dataset="ml-latest-small", dataset_user_id=2)
    assert person.email is None
    assert not person.has_usable_password()
    rating = Rating.objects.get(user=person, movie__movielens_id=29)
    assert (rating.value, rating.rated_at) == (0.5, datetime.fromtimestamp(1445714835, UTC))
    tag = Tag.objects.get(user=person)
    assert (tag.text, tag.movie.movielens_id) == ("dream, stolen", 29)
    assert not Interaction.objects.exists()


def test_data_sets_share_movies_by_movielens_id(tmp_path):
    movielens_import(path=write_folder(tmp_path, "ml-1m", DAT_1M))
    summary = movielens_import(path=write_folder(tmp_path, "ml-latest-small", CSV))
    assert (summary.movies_new, summary.movies_known, summary.movies_filled) == (2, 2, 2)
    toy_story = Movie.objects.get(movielens_id=1)
    assert (toy_story.imdb_id, toy_story.tmdb_id) == ("tt0114709", 862)
    assert sorted(toy_story.dataset_ids.values_list("dataset", flat=True)) == ["ml-1m", "ml-latest-small"]
    # The people are others, though they have the same numbers.
    assert User.objects.filter(dataset_user_id=1).count() == 2


@pytest.mark.parametrize("first", ["ml-100k", "ml-latest-small"])
def test_ml_100k_shares_movies_by_title_and_year_in_either_order(tmp_path, first):
    paths = {
        "ml-100k": write_folder(tmp_path, "ml-100k", U),
        "ml-latest-small": write_folder(tmp_path, "ml-latest-small", CSV),
    }
    for name in sorted(paths, key=lambda name: name != first):
        movielens_import(path=paths[name])
    toy_story = Movie.objects.get(title="Toy Story")
    assert toy_story.movielens_id == 1
    assert toy_story.dataset_ids.count() == 2
    assert Movie.objects.get(title="unknown").movielens_id is None
    before = snapshot()
    for path in paths.values():
        movielens_import(path=path)
    assert snapshot() == before


def test_two_movies_of_one_data_set_with_one_title_stay_two(tmp_path):
    line = U["u.item"].splitlines(keepends=True)[0]
    files = {**U, "u.item": U["u.item"] + line.replace(b"1|Toy", b"9|Toy", 1)}
    movielens_import(path=write_folder(tmp_path, "ml-1m", DAT_1M))
    movielens_import(path=write_folder(tmp_path, "ml-100k", files))
    assert Movie.objects.filter(title="Toy Story").count() == 2
    assert DatasetMovie.objects.filter(dataset="ml-100k").count() == 5


def test_what_staff_changed_survives_another_import(tmp_path):
    path = write_folder(tmp_path, "ml-latest-small", CSV)
    movielens_import(path=path)
    movie = Movie.objects.get(movielens_id=1)
    movie.genres.clear()
    Movie.objects.filter(pk=movie.pk).update(
        title="Toy Story I", year=1996, status="hidden", overview="Toys.", imdb_id="tt1", tmdb_id=None
    )
    summary = movielens_import(path=path)
    movie.refresh_from_db()
    assert (movie.title, movie.year, movie.status, movie.overview) == ("Toy Story I", 1996, "hidden", "Toys.")
    assert (movie.imdb_id, movie.tmdb_id) == ("tt1", 862)  # What was empty is filled in.
    assert movie.genres.count() == 0
    assert (summary.movies_new, summary.movies_filled) == (0, 1)


def test_the_newer_rating_stays_and_an_older_one_is_replaced(tmp_path):
    path = write_folder(tmp_path, "ml-1m", DAT_1M)
    movielens_import(path=path)
    newer = datetime(2020, 1, 1, tzinfo=UTC)
    Rating.objects.filter(movie__movielens_id=1).update(value=1.5, rated_at=newer)
    Rating.objects.filter(movie__movielens_id=2571).update(value=1.5, rated_at=datetime(1990, 1, 1, tzinfo=UTC))
    Rating.objects.filter(movie__movielens_id=2131).delete()
    summary = movielens_import(path=path)
    assert (summary.ratings_new, summary.ratings_changed, summary.ratings_unchanged) == (1, 1, 1)
    kept, replaced = (Rating.objects.get(movie__movielens_id=number) for number in (1, 2571))
    assert (kept.value, kept.rated_at) == (1.5, newer)
    assert (replaced.value, replaced.rated_at.year) == (3.0, 2000)


def test_new_ratings_of_known_and_of_new_people_are_added(tmp_path):
    movielens_import(path=write_folder(tmp_path, "ml-1m", DAT_1M))
    files = {**DAT_1M, "ratings.dat": DAT_1M["ratings.dat"] + b"1::2131::2::978300761\n7::1::4::978300762\n"}
    summary = movielens_import(path=write_folder(tmp_path, "ml-1m", files))
    assert (summary.ratings_new, summary.ratings_unchanged) == (2, 3)
    assert (summary.people_new, summary.people_known) == (1, 2)
    assert Rating.objects.get(user__dataset_user_id=7).value == 4


@pytest.mark.parametrize("rebuild_from", [1, 10**9])
@pytest.mark.parametrize(
    ("file", "line"),
    [
        ("movies.dat", b"77::Film (1990)"),
        ("ratings.dat", b"1::77::5::978300760"),
        ("ratings.dat", b"1::1::4::978300799"),
        ("ratings.dat", b"1::1::six::978300799"),
    ],
)
def test_a_malformed_line_leaves_the_database_as_it_was(tmp_path, monkeypatch, file, line, rebuild_from):
    monkeypatch.setattr(services, "MIN_DEFERRED_RATINGS", rebuild_from)
    definition, before = table_definition(), snapshot()
    files = {**DAT_1M, file: DAT_1M[file] + line + b"\n"}
    with pytest.raises(BadLineError, match=f"{file}, line 4"):
        movielens_import(path=write_folder(tmp_path, "ml-1m", files))
    assert snapshot() == before
    assert table_definition() == definition


def test_malformed_lines_are_skipped_counted_and_reported(tmp_path):
    files = {
        **DAT_1M,
        "ratings.dat": DAT_1M["ratings.dat"] + b"1::1::4::978300799\n1::99::4::1\n9::1::4\n9::2571::4::978300799\n",
    }
    report = tmp_path / "bad.csv"
    path = write_folder(tmp_path, "ml-1m", files)
    summary = movielens_import(path=path, skip_bad=True, report=report)
    assert summary.bad_lines == {
        "a second rating of the same movie by the same person": 1,
        "the movie is unknown": 1,
        "expected 4 fields": 1,
    }
    assert summary.report == report
    assert [line.split(",")[1] for line in report.read_text().splitlines()] == ["line", "4", "5", "6"]
    assert Rating.objects.count() == 4
    assert Rating.objects.get(user__dataset_user_id=1, movie__movielens_id=1).value == 5


def test_nothing_skipped_means_no_report(tmp_path):
    summary = movielens_import(path=write_folder(tmp_path, "ml-1m", DAT_1M), skip_bad=True, report=tmp_path / "bad.csv")
    assert summary.report is None
    assert not (tmp_path / "bad.csv").exists()


def test_a_first_load_leaves_keys_indexes_and_constraints_alone(tmp_path, monkeypatch):
    definition = table_definition()
    built = []
    monkeypatch.setattr(services, "MIN_DEFERRED_RATINGS", 1)
    monkeypatch.setattr(services, "deferred_indexes", lambda table: built.append(table) or REBUILT(table))
    movielens_import(path=write_folder(tmp_path, "ml-1m", DAT_1M))
    assert built == ["events_rating"]
    assert table_definition() == definition
    assert Rating.objects.count() == 3
    # A table that is not empty any more is filled row by row.
    movielens_import(path=write_folder(tmp_path, "ml-latest-small", CSV))
    assert built == ["events_rating"]
    assert Rating.objects.count() == 7


REBUILT = services.deferred_indexes


def test_an_interrupted_import_leaves_nothing(tmp_path, monkeypatch):
    before = snapshot()

    def interrupt(progress):
        if progress.stage == "tags":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        movielens_import(path=write_folder(tmp_path, "ml-latest-small", CSV), on_progress=interrupt)
    assert snapshot() == before


def test_progress_runs_to_the_end_of_each_stage(tmp_path):
    seen = {}
    movielens_import(
        path=write_folder(tmp_path, "ml-latest-small", CSV),
        on_progress=lambda progress: seen.update({progress.stage: (progress.done, progress.total)}),
    )
    assert seen["ratings"] == (len(CSV["ratings.csv"]),) * 2
    assert seen["tags"] == (len(CSV["tags.csv"]),) * 2


def test_genres_are_shared_whatever_the_data_sets_call_them(tmp_path):
    movielens_import(path=write_folder(tmp_path, "ml-1m", DAT_1M))
    movielens_import(path=write_folder(tmp_path, "ml-latest-small", CSV))
    assert Genre.objects.filter(name__startswith="Child").values_list("name", "slug").get() == ("Children", "children")


@pytest.mark.parametrize(
    ("name", "ratings", "movies", "people"),
    [
        ("ml-100k.zip", 100_000, 1_682, 943),
        ("ml-1m.zip", 1_000_209, 3_883, 6_040),
        ("ml-latest-small.zip", 100_836, 9_742, 610),
    ],
)
def test_published_archives_are_stored_whole(name, ratings, movies, people):
    path = real_data(name)
    movielens_import(path=path)
    assert (Rating.objects.count(), Movie.objects.count(), User.objects.count()) == (ratings, movies, people)
    assert not movielens_import(path=path).changed
