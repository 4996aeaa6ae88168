"""One name, one row: whatever form a name comes in, and whichever way."""

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection, transaction
from django.db.migrations.executor import MigrationExecutor

from movies.models import Credit, Genre, Movie, Person
from tests.factories import make_movie

NFC, NFD = "Jos\u00e9", "Jose\u0301"


@pytest.mark.django_db
def test_every_way_of_storing_a_name_stores_one_form():
    movie = make_movie(f"{NFD} ", overview=f"\ufeffA {NFD}\nof old", keywords=[NFD])
    Person.objects.bulk_create([Person(name=NFD)])
    Person.objects.update(name=f"{NFD} R.")
    genre = Genre.objects.create(name="Come\u0301die\u00a0noire", slug="x")

    assert (movie.title, genre.name) == (NFC, "Com\u00e9die noire")
    stored = Movie.objects.get(pk=movie.pk)
    assert (stored.title, stored.overview, stored.keywords) == (NFC, f"A {NFC}\nof old", [NFC])
    assert Person.objects.get().name == f"{NFC} R."
    assert Person.objects.filter(name=f"{NFD} R.").exists()
    assert Genre.objects.get(name="Come\u0301die noire") == genre


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("table", "column"),
    [("movies_movie", "title"), ("movies_movie", "overview"), ("movies_person", "name"), ("movies_genre", "name")],
)
def test_the_database_refuses_another_form(table, column):
    make_movie("Film", genres=["Drama"], overview="x")
    Person.objects.create(name="Jo")
    with pytest.raises(IntegrityError, match="nfc"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"UPDATE {table} SET {column} = %s", [NFD])
    with pytest.raises(IntegrityError, match="nfc"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("UPDATE movies_movie SET keywords = %s", [[NFD]])


@pytest.mark.django_db
def test_names_that_differ_in_case_alone_are_one_name():
    Person.objects.create(name=NFC)
    Genre.objects.create(name="Sci-Fi", slug="sci-fi")
    for double in (Person(name=NFD.upper()), Genre(name="SCI-FI", slug="scifi")):
        with pytest.raises(ValidationError, match="already"):
            double.full_clean()
        with pytest.raises(IntegrityError), transaction.atomic():
            double.save()
    # An id tells namesakes apart.
    Person.objects.create(name=NFC, imdb_id="nm0000001")
    Person.objects.create(name=NFC, tmdb_id=5)
    assert Person.objects.count() == 3


def execute(sql: str, *rows: list) -> list:
    """The first column of what the statement returns for each row."""
    with connection.cursor() as cursor:
        found = []
        for row in rows or ([],):
            cursor.execute(sql, row)
            found.append(cursor.fetchone()[0] if cursor.description else None)
        return found


@pytest.fixture
def before_names(transactional_db):
    """The tables as they were before names had one form."""
    MigrationExecutor(connection).migrate([("movies", "0003_search")])
    yield
    executor = MigrationExecutor(connection)
    executor.migrate(executor.loader.graph.leaf_nodes())


def store_names_as_they_came() -> tuple[list[int], list[int], list[int]]:
    """Films, genres and people whose names differ in case and Unicode form alone; their ids."""
    films = execute(
        "INSERT INTO movies_movie (title, status, overview, keywords, language, poster_url, imdb_id, created_at,"
        " content_changed_at) VALUES (%s, 'published', %s, %s, '', '', '', '2020-01-01', '2020-01-01') RETURNING id",
        [f"Le\u0301on {NFD}", "Cafe\u0301\n\ufeffnoir", [NFD, NFC, "crime"]],
        ["Nikita", "Plain.", ["spy"]],
        ["Untouched\u200b", "", []],
        ["Alone", "", []],
    )
    genres = execute(
        "INSERT INTO movies_genre (name, slug) VALUES (%s, %s) RETURNING id",
        *[["Come\u0301die", "a"], ["Com\u00e9die", "b"], ["DRAMA", "c"], ["Drama", "drama"], ["War", "war"]],
    )
    links = [(0, 0), (0, 1), (1, 1), (1, 3), (2, 3), (2, 2), (3, 4), (0, 2)]
    execute(
        "INSERT INTO movies_movie_genres (movie_id, genre_id) VALUES (%s, %s)",
        *[[films[film], genres[genre]] for film, genre in links],
    )
    popular = [(2, 0, 1, 9.0), (2, 2, 2, 5.0), (3, 1, 1, 7.0), (3, 2, 2, 6.0), (4, 3, 1, 1.0), (None, 0, 1, 9.0)]
    execute(
        "INSERT INTO recommendations_popularmovie (genre_id, movie_id, rank, score, computed_at)"
        " VALUES (%s, %s, %s, %s, now())",
        *[[None if g is None else genres[g], films[f], rank, score] for g, f, rank, score in popular],
    )
    names = [[NFD, "", None], [NFC, "", None], [NFC.upper(), "nm1", None], [NFC, "", 7], ["Anne", "nm2", None]]
    names += [["ANNE", "nm3", None], ["anne", "", None], ["Bo\u200b", "", None]]
    people = execute("INSERT INTO movies_person (name, imdb_id, tmdb_id) VALUES (%s, %s, %s) RETURNING id", *names)
    credits = [(0, 0, "cast", 3), (0, 1, "cast", 1), (0, 1, "director", 0), (1, 0, "cast", 2), (2, 3, "cast", 0)]
    credits += [(3, 4, "cast", 0), (3, 5, "cast", 1)]
    execute(
        "INSERT INTO movies_credit (movie_id, person_id, role, position) VALUES (%s, %s, %s, %s)",
        *[[films[film], people[person], role, place] for film, person, role, place in credits],
    )
    return films, genres, people


def test_equal_people_and_genres_are_merged_with_all_they_have(before_names):
    films, genres, people = store_names_as_they_came()

    executor = MigrationExecutor(connection)
    executor.migrate(executor.loader.graph.leaf_nodes())

    assert list(Movie.objects.order_by("pk").values_list("title", "overview", "keywords")) == [
        (f"L\u00e9on {NFC}", "Caf\u00e9\nnoir", [NFC, "crime"]),
        ("Nikita", "Plain.", ["spy"]),
        ("Untouched", "", []),
        ("Alone", "", []),
    ]
    assert list(Movie.objects.filter(content_changed_at__year=2020).values_list("title", flat=True)) == ["Alone"]
    assert set(Genre.objects.values_list("pk", "name", "slug")) == {
        (genres[1], "Com\u00e9die", "b"),
        (genres[2], "DRAMA", "c"),
        (genres[4], "War", "war"),
    }
    linked = Movie.genres.through.objects.values_list("movie_id", "genre_id")
    expected = {(0, 1), (1, 1), (1, 2), (2, 2), (3, 4), (0, 2)}
    assert sorted(linked) == sorted((films[film], genres[genre]) for film, genre in expected)
    with connection.cursor() as cursor:
        cursor.execute("SELECT genre_id, rank, movie_id FROM recommendations_popularmovie ORDER BY 1 NULLS FIRST, 2")
        assert cursor.fetchall() == [
            (None, 1, films[0]),
            *[(genres[2], 1, films[0]), (genres[2], 2, films[1]), (genres[2], 3, films[2])],
            (genres[4], 1, films[3]),
        ]
    assert set(Person.objects.values_list("pk", "name")) == {
        (people[2], NFC.upper()),
        (people[3], NFC),
        *[(people[4], "Anne"), (people[5], "ANNE"), (people[6], "anne"), (people[7], "Bo")],
    }
    assert set(Credit.objects.values_list("movie_id", "person_id", "role", "position")) == {
        (films[0], people[2], "cast", 1),
        (films[0], people[2], "director", 0),
        (films[1], people[2], "cast", 2),
        (films[2], people[3], "cast", 0),
        (films[3], people[4], "cast", 0),
        (films[3], people[5], "cast", 1),
    }
