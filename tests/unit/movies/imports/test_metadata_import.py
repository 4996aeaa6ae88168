from datetime import UTC, datetime
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from movies.imports.metadata import metadata_import
from movies.models import Credit, Genre, Movie, Person
from movies.movielens.errors import ArchiveError, BadLineError
from tests.archives import real_data, write_zip

pytestmark = pytest.mark.django_db

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
HEADER = "movielens_id,tmdb_id,title,year,overview,cast,directors,keywords,genres,runtime,language,poster_url\n"
MATRIX = (
    '2571,603,The Matrix,1999,"A hacker learns, at last,\nwhat is real.",Keanu Reeves|Carrie-Anne Moss|Keanu Reeves,'
    "Lana Wachowski|Lilly Wachowski,simulation|hacker,Action|Science Fiction,136,EN,https://example.org/m.jpg\n"
)


@pytest.fixture
def matrix():
    return Movie.objects.create(title="The Matrix", year=1999, movielens_id=2571, content_changed_at=LONG_AGO)


def write(tmp_path, *lines, header=HEADER):
    path = tmp_path / "metadata.csv"
    path.write_text(header + "".join(lines), encoding="utf-8")
    return path


def rows():
    with connection.cursor() as cursor:
        found = []
        for table in ("movies_movie", "movies_person", "movies_credit", "movies_movie_genres", "movies_genre"):
            cursor.execute(f"SELECT ctid::text, xmin::text, t::text FROM {table} t ORDER BY t::text")
            found.append(cursor.fetchall())
        return found


def names(movie, role):
    return list(Credit.objects.filter(movie=movie, role=role).values_list("person__name", flat=True))


def test_every_column_is_set_and_a_second_import_writes_no_row(tmp_path, matrix):
    path = write(tmp_path, MATRIX)
    assert metadata_import(path=path).changed == 1
    matrix.refresh_from_db()
    assert matrix.overview == "A hacker learns, at last,\nwhat is real."
    assert (matrix.keywords, matrix.runtime_minutes, matrix.language) == (["simulation", "hacker"], 136, "en")
    assert matrix.poster_url == "https://example.org/m.jpg"
    assert names(matrix, "cast") == ["Keanu Reeves", "Carrie-Anne Moss"]
    assert names(matrix, "director") == ["Lana Wachowski", "Lilly Wachowski"]
    assert sorted(genre.name for genre in matrix.genres.all()) == ["Action", "Sci-Fi"]
    assert matrix.content_changed_at > LONG_AGO
    before = rows()

    again = metadata_import(path=path)

    assert (again.changed, again.unchanged) == (0, 1)
    assert rows() == before


def test_empty_values_and_absent_columns_leave_what_is_there(tmp_path, matrix):
    metadata_import(path=write(tmp_path, MATRIX))
    metadata_import(path=write(tmp_path, "2571,,,,,,,,,,,\n"))
    metadata_import(path=write(tmp_path, "2571,A new overview.\n", header="movielens_id,overview\n"))
    matrix.refresh_from_db()
    assert matrix.overview == "A new overview."
    assert (matrix.runtime_minutes, len(matrix.keywords), matrix.credits.count()) == (136, 2, 4)


def test_only_movies_whose_content_changed_are_embedded_again(tmp_path, matrix):
    metadata_import(path=write(tmp_path, "2571,136\n", header="movielens_id,runtime\n"))
    matrix.refresh_from_db()
    assert (matrix.runtime_minutes, matrix.content_changed_at) == (136, LONG_AGO)
    metadata_import(path=write(tmp_path, "2571,Hugo Weaving\n", header="movielens_id,cast\n"))
    matrix.refresh_from_db()
    assert matrix.content_changed_at > LONG_AGO


def test_genres_of_a_movie_that_has_some_are_left_to_staff(tmp_path, matrix):
    matrix.genres.add(Genre.objects.create(name="Drama", slug="drama"))
    metadata_import(path=write(tmp_path, MATRIX))
    assert [genre.name for genre in matrix.genres.all()] == ["Drama"]


def test_a_cast_in_another_order_replaces_the_old_one(tmp_path, matrix):
    for cast in ("A|B|C", "C|A|D"):
        metadata_import(path=write(tmp_path, f"2571,{cast}\n", header="movielens_id,cast\n"))
    assert names(matrix, "cast") == ["C", "A", "D"]
    assert Person.objects.count() == 4


@pytest.mark.parametrize(
    "line",
    ["2571,,,,Found.", ",603,,,Found.", ',,"Matrix, The",1999,Found.', ",,the matrix!,1999,Found.", "9,603,,,Found."],
)
def test_films_are_found_by_id_or_by_title_and_year(tmp_path, line):
    Movie.objects.create(title="The Matrix", year=2021, tmdb_id=1)
    movie = Movie.objects.create(title="The Matrix", year=1999, movielens_id=2571, tmdb_id=603)
    metadata_import(path=write(tmp_path, line + "\n", header="movielens_id,tmdb_id,title,year,overview\n"))
    assert Movie.objects.get(overview="Found.") == movie


def test_films_the_catalogue_lacks_or_has_twice_are_counted(tmp_path, matrix):
    for _ in range(2):
        Movie.objects.create(title="Nightwatch", year=1997)
    before = rows()
    lines = ["1,Toy Story,1995,X\n", ",Nightwatch,1997,X\n", "7,The Matrix,1999,X\n", ",The Matrix,2003,X\n"]
    summary = metadata_import(path=write(tmp_path, *lines, header="movielens_id,title,year,overview\n"))
    assert (summary.changed, summary.unmatched) == (0, 4)
    assert rows() == before


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("two,,,,,,,,,,,\n", "movielens_id is not a whole number"),
        ("99999999999,,,,,,,,,,,\n", "movielens_id is not a whole number"),
        ("4294967296,,,,,,,,,,,\n", "movielens_id is not within 1 to 2147483647"),
        ("2571,,,3000,,,,,,,,\n", "year is not within 1870 to 2200"),
        ("2571,,,,,,,,,136.5,,\n", "runtime is not a whole number"),
        ("2571,,,,,,,,,-1,,\n", "runtime is not a whole number"),
        ("2571,,,,,,,,,,english language,\n", "language is no ISO 639 code"),
        ("2571,,,,,,,,,,,javascript:alert(1)\n", "poster_url is no http or https address"),
        ("2571,,,,,,,,,,,http://[\n", "poster_url is no http or https address"),
        (f"2571,,,,{'x' * 20_001},,,,,,,\n", "overview is longer than 20000 characters"),
        (f"2571,,,,,{'x' * 201},,,,,,\n", "a name in cast is longer than 200 characters"),
        (f"2571,,,,,,,{'x' * 81},,,,\n", "a keyword is longer than 80 characters"),
        ("2571,,,,,,,,,,\n", "expected 12 fields"),
        (",,No Year,,,,,,,,,\n", "no movielens_id, no tmdb_id, no imdb_id, and not both title and year"),
        ('2571,,,,"a"b,,,,,,,\n', "not readable as CSV"),
        ("2571,,,,a\0b,,,,,,,\n", "it holds a zero byte"),
        (MATRIX, "a second record of the same film"),
    ],
)
def test_a_malformed_record_stops_it_or_is_skipped(tmp_path, matrix, line, reason):
    path = write(tmp_path, MATRIX, line)
    before = rows()
    with pytest.raises(BadLineError) as caught:
        metadata_import(path=path)
    assert caught.value.bad.reason == reason
    assert caught.value.bad.file == "metadata.csv"
    assert caught.value.bad.line == (5 if line == MATRIX else 4)
    assert rows() == before

    summary = metadata_import(path=path, skip_bad=True, report=tmp_path / "bad.csv")
    assert summary.bad_lines == {reason: 1}
    assert summary.changed == 1
    assert reason in (tmp_path / "bad.csv").read_text()


def test_bytes_that_are_no_utf_8_are_a_malformed_record(tmp_path, matrix):
    path = write(tmp_path, header="movielens_id,overview\n")
    path.write_bytes(path.read_bytes() + b"2571,Caf\xe9\n")
    with pytest.raises(BadLineError, match=r"metadata\.csv, line 2: not valid UTF-8"):
        metadata_import(path=path)


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ("", "is empty"),
        ("title,overview\n", "names no movielens_id, no tmdb_id, no imdb_id, and not both title and year"),
        ("movielens_id,director,directors\n", "names directors twice"),
    ],
)
def test_a_file_that_names_no_films_is_refused(tmp_path, header, message):
    with pytest.raises(ArchiveError, match=message):
        metadata_import(path=write(tmp_path, header=header))


def test_a_zip_may_hold_the_file_and_unknown_columns_are_named(tmp_path, matrix):
    text = "movielens_id,overview,wikipedia\n2571,Real?,The_Matrix\n"
    path = write_zip(tmp_path, "movie-metadata", {"movies.csv": text.encode(), "README.txt": b"x"})
    out = StringIO()
    call_command("import_metadata", str(path), stdout=out)
    assert "1 movies changed" in out.getvalue()
    assert "ignored columns: wikipedia" in out.getvalue()
    matrix.refresh_from_db()
    assert matrix.overview == "Real?"
    with pytest.raises(CommandError, match="There is no file at"):
        call_command("import_metadata", str(tmp_path / "absent.csv"))
    two = write_zip(tmp_path, "two", {"a.csv": b"x", "b.csv": b"y"})
    with pytest.raises(CommandError, match="holds 2 CSV files"):
        call_command("import_metadata", str(two))


def test_queries_do_not_grow_with_the_records(tmp_path, django_assert_max_num_queries):
    Movie.objects.bulk_create([Movie(title=f"Film {n}", year=1990, movielens_id=n) for n in range(1, 201)])
    lines = [f"{n},About {n}.,Actor {n % 7}|Actor {n}\n" for n in range(1, 201)]
    with django_assert_max_num_queries(20):
        metadata_import(path=write(tmp_path, *lines, header="movielens_id,overview,cast\n"))
    # Of the first six films both actors are one and the same.
    assert Credit.objects.count() == 2 * 200 - 6


def test_metadata_is_stored_and_a_second_import_writes_no_row():
    path = real_data("movie-metadata.zip")
    Movie.objects.create(title="Toy Story", year=1995, movielens_id=1)
    summary = metadata_import(path=path)
    assert (summary.changed, summary.unmatched) == (1, 6_667)
    assert Movie.objects.get(movielens_id=1).overview.startswith("Toy Story is a 1995")
    before = rows()
    metadata_import(path=path)
    assert rows() == before
