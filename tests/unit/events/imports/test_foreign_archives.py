"""MovieLens files after other programs had them: quoted, as floats, in other cases, damaged."""

import random

import pytest
from django.core.management import CommandError, call_command

from accounts.models import User
from events.imports.services import movielens_import
from events.models import Rating, Tag
from movies.models import Genre, Movie
from movies.movielens.errors import ImportFailed
from tests.archives import CSV, DAT_1M, U, write_folder, write_zip
from tests.mutations import mutated

pytestmark = pytest.mark.django_db


def state():
    return [list(model.objects.order_by("pk").values()) for model in (Movie, Genre, User, Rating, Tag)]


def ratings():
    rows = Rating.objects.order_by("user__dataset_user_id", "rated_at")
    return list(rows.values_list("user__dataset_user_id", "movie__movielens_id", "value"))


def quoted(data: bytes) -> bytes:
    lines = [b",".join(b'"%b"' % field for field in line.split(b",")) for line in data.splitlines()]
    return b"\n".join(lines) + b"\n"


EXPECTED = [(1, 1, 4.0), (1, 2571, 5.0), (2, 29, 0.5), (2, 171495, 3.5)]


@pytest.mark.parametrize(
    "text",
    [
        quoted(CSV["ratings.csv"]),
        quoted(CSV["ratings.csv"]).replace(b"\n", b"\r\n"),
        CSV["ratings.csv"].replace(b"2,29,", b'"2",29,'),
        CSV["ratings.csv"].replace(b"1,1,4.0,964982703", b"1.0,1.0,4.0,964982703.0"),
        b"\xef\xbb\xbf" + CSV["ratings.csv"],
    ],
)
def test_quoted_ratings_and_ids_as_floats_are_read(tmp_path, text):
    movielens_import(path=write_folder(tmp_path, "ml-x", {**CSV, "ratings.csv": text}))
    assert ratings() == EXPECTED


def test_links_and_ids_that_became_floats_are_read(tmp_path):
    links = b"movieId,imdbId,tmdbId\n1,114709.0,862.0\n2571.0,tt0133093,603.0\n29,nan,\n171495,,NaN\n"
    movies = CSV["movies.csv"].replace(b"\n1,", b"\n1.0,")
    movielens_import(path=write_folder(tmp_path, "ml-x", {**CSV, "links.csv": links, "movies.csv": movies}))
    ids = Movie.objects.order_by("movielens_id").values_list("movielens_id", "imdb_id", "tmdb_id")
    assert list(ids) == [(1, "tt0114709", 862), (29, "", None), (2571, "tt0133093", 603), (171495, "", None)]
    assert ratings() == EXPECTED


def test_genres_that_differ_in_case_or_form_are_one(tmp_path):
    known = Genre.objects.create(name="Drama", slug="drama")
    movies = (
        "movieId,title,genres\n1,A (1990),DRAMA|drama|Come\u0301die\n2571,B (1990),com\u00e9die|Film-Noir|film-noir\n"
        "29,C (1990),\"['Drama', 'FILM-NOIR']\"\n171495,Jose\u0301 (1990),(no genres listed)\n"
    )
    movielens_import(path=write_folder(tmp_path, "ml-x", {**CSV, "movies.csv": movies.encode()}))
    assert list(Genre.objects.values_list("name", flat=True)) == ["Com\u00e9die", "Drama", "Film-Noir"]
    of = {movie.title: [genre.name for genre in movie.genres.all()] for movie in Movie.objects.all()}
    assert of == {
        "A": ["Com\u00e9die", "Drama"],
        "B": ["Com\u00e9die", "Film-Noir"],
        "C": ["Drama", "Film-Noir"],
        "Jos\u00e9": [],
    }
    assert known.movies.count() == 2


def test_a_tag_in_another_form_is_the_same_tag(tmp_path):
    header = "userId,movieId,tag,timestamp\n"
    for tag in ("Cafe\u0301 noir\u200b", "Caf\u00e9\u00a0noir"):
        tags = f"{header}2,29,{tag},1445714994\n"
        movielens_import(path=write_folder(tmp_path, "ml-x", {**CSV, "tags.csv": tags.encode()}))
    assert list(Tag.objects.values_list("text", flat=True)) == ["Caf\u00e9 noir"]


@pytest.mark.parametrize(
    ("file", "lines"),
    [
        ("ratings.csv", b"1,1,four,964982703\n1,2571,five,964982704\n"),
        ("ratings.csv", b"1,1,4.0,964982703\n1,2571,five,964982704\n2,29,six,1\n"),
        ("movies.csv", b"one,Toy Story (1995),Comedy\n"),
        ("tags.csv", b"2,29,a\n2,29,b\n2,29,c,1445714994\n"),
        ("links.csv", b"1;0114709;862\n"),
    ],
)
def test_more_malformed_lines_than_good_ones_are_no_import(tmp_path, settings, file, lines):
    settings.VAR_DIR = tmp_path / "var"
    header = CSV[file].split(b"\n")[0] + b"\n"
    path = write_folder(tmp_path, "ml-x", {**CSV, file: header + lines})
    before = state()
    with pytest.raises(CommandError, match=rf"{file}: .* lines are malformed") as failure:
        call_command("import_movielens", str(path), "--skip-bad", verbosity=0)
    assert failure.value.returncode == 1
    assert state() == before
    assert file in (tmp_path / "var" / "imports" / "ml-x-bad-lines.csv").read_text()


@pytest.mark.parametrize("seed", range(40))
def test_no_damage_is_a_traceback_or_changes_a_row(tmp_path, seed):
    rng = random.Random(seed)
    Genre.objects.create(name="DRAMA", slug="drama")
    files = dict(rng.choice((CSV, DAT_1M, U)))
    damaged = rng.choice(sorted(files))
    files[damaged] = mutated(rng, files[damaged])
    path = rng.choice((write_folder, write_zip))(tmp_path, "ml-x", files)
    before = state()
    try:
        movielens_import(path=path, skip_bad=seed % 2 == 0)
    except ImportFailed:
        assert state() == before


@pytest.mark.parametrize("names", ["folder\\{}", "\u00e9/{}", "a/b/{}", "../{}", "{}", "C:\\{}"])
def test_a_zip_with_odd_names_is_read_or_refused(tmp_path, names):
    path = write_zip(tmp_path, "ml-x", {names.format(file): data for file, data in CSV.items()}, inside="")
    before = state()
    try:
        movielens_import(path=path, dataset="ml-x")
    except ImportFailed:
        assert state() == before
    else:
        assert ratings() == EXPECTED
