"""Metadata as other programs write it: The Movies Dataset, pandas, spreadsheets."""

import random
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from movies.imports.metadata import metadata_import
from movies.models import Credit, Genre, Movie, Person
from movies.movielens.errors import BadLineError, ImportFailed
from tests.mutations import mutated

pytestmark = pytest.mark.django_db

# As movies_metadata.csv, with columns of its keywords.csv and credits.csv.
TMDB = """\
adult,genres,homepage,id,imdb_id,original_language,original_title,overview,poster_path,release_date,runtime,title,cast
False,"[{'id': 16, 'name': 'Animation'}, {'id': 35, 'name': 'Comedy'}]",,862,tt0114709,en,Toy Story,"Andy's, Woody.",\
/rhI.jpg,1995-10-30,81.0,Toy Story,"[{'cast_id': 14, 'name': 'Tom Hanks'}, {'cast_id': 15, 'name': ""Conan O'Brien""}]"
False,"[""Drama"",""crime""]",nan,8844,tt0113497,en,Jumanji,"Game.\n\nOn.",/vzm.jpg,1995-12-15,104.0,Jumanji,None
False,[],,31357.0,tt0114885,nan,Waiting to Exhale,N/A,NaN,1995-12-22,nan,Waiting to Exhale,[]
"""
BROKEN = " - Written by Ørnås,0.065736,/ff9.jpg,1997-08-20,0,104.0,Released,,False,6.0,1,x,y\n"


@pytest.fixture
def films() -> dict[int, Movie]:
    made = {
        862: Movie.objects.create(title="Toy Story", year=1995, tmdb_id=862),
        113497: Movie.objects.create(title="Jumanji", year=1995, imdb_id="tt0113497"),
        31357: Movie.objects.create(title="Waiting to Exhale", year=1995),
    }
    Genre.objects.create(name="Crime", slug="crime")
    Person.objects.create(name="TOM HANKS")
    return made


def write(tmp_path, text):
    path = tmp_path / "movies_metadata.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def state():
    tables = (Movie.objects.order_by("pk"), Genre.objects.order_by("pk"), Person.objects.order_by("pk"))
    return [list(table.values()) for table in tables] + [list(Credit.objects.order_by("pk").values())]


def test_the_movies_dataset_is_read(tmp_path, films):
    summary = metadata_import(path=write(tmp_path, TMDB))

    assert (summary.changed, summary.unchanged, summary.unmatched) == (2, 1, 0)
    toys, game, waiting = (Movie.objects.get(pk=film.pk) for film in films.values())
    assert [genre.name for genre in toys.genres.all()] == ["Animation", "Comedy"]
    assert [genre.name for genre in game.genres.all()] == ["Crime", "Drama"]
    assert (toys.overview, toys.runtime_minutes, toys.language) == ("Andy's, Woody.", 81, "en")
    assert [credit.person.name for credit in toys.credits.all()] == ["TOM HANKS", "Conan O'Brien"]
    assert (game.overview, game.credits.count()) == ("Game.\n\nOn.", 0)
    assert (waiting.overview, waiting.language, waiting.runtime_minutes) == ("", "", None)
    assert not waiting.genres.exists()
    assert Genre.objects.count() == 4
    before = state()
    assert metadata_import(path=write(tmp_path, TMDB)).changed == 0
    assert state() == before


def test_a_broken_row_is_named_and_can_be_skipped(tmp_path, films):
    path = write(tmp_path, TMDB + BROKEN)
    with pytest.raises(BadLineError, match=r"movies_metadata\.csv, line 7: tmdb_id is not a whole number"):
        metadata_import(path=path)
    assert metadata_import(path=path, skip_bad=True).bad_lines == {"tmdb_id is not a whole number": 1}
    assert Movie.objects.get(pk=films[862].pk).runtime_minutes == 81


def test_an_id_is_tmdbs_only_among_tmdbs_columns(tmp_path, films):
    with pytest.raises(ImportFailed, match="no film can be found"):
        metadata_import(path=write(tmp_path, "id,overview\n862,Not this one.\n"))
    metadata_import(path=write(tmp_path, "id,title,year,overview\n862,Jumanji,1995,This one.\n"))
    assert [movie.title for movie in Movie.objects.filter(overview="This one.")] == ["Jumanji"]


@pytest.mark.parametrize("end", ["", "\n"])
def test_more_malformed_records_than_good_ones_are_no_import(tmp_path, films, settings, end):
    settings.VAR_DIR = tmp_path / "var"
    lines = ["862,Fine."] + ["x,Bad."] * 2
    before = state()
    with pytest.raises(
        CommandError, match=r"2 of 3 lines are malformed.*2 times: tmdb_id is not a whole number"
    ) as failure:
        call_command(
            "import_metadata", str(write(tmp_path, "tmdb_id,overview\n" + "\n".join(lines) + end)), "--skip-bad"
        )
    assert "Nothing was changed" in str(failure.value)
    assert failure.value.returncode == 1
    assert state() == before
    assert "x,Bad." in (tmp_path / "var" / "imports" / "movies_metadata-bad-lines.csv").read_text()
    out = StringIO()
    call_command(
        "import_metadata", str(write(tmp_path, "tmdb_id,overview\n862,Fine.\nx,Bad.\n")), "--skip-bad", stdout=out
    )
    assert "1 malformed records, listed in" in out.getvalue()


@pytest.mark.parametrize(
    ("cell", "reason"),
    [
        ("\"['Drama', 'Cri\"", "genres: a list cannot be read"),
        ("18|80", "genres: a genre is a number, not a name"),
        ('"[""\\ud800""]"', "not valid UTF-8"),
        ('"[""a\\u0000""]"', "it holds a zero byte"),
        ("[" * 3000 + "]" * 3000, "genres: a list is nested too deeply"),
        ("x" * 41, "a genre is longer than 40 characters"),
        ("x" * 200_000, "not readable as CSV"),
    ],
)
def test_a_cell_no_genre_can_come_of_is_named(tmp_path, films, cell, reason):
    before = state()
    with pytest.raises(BadLineError) as caught:
        metadata_import(path=write(tmp_path, f"tmdb_id,genres\n862,{cell}\n"))
    assert (caught.value.bad.reason, caught.value.bad.line) == (reason, 2)
    assert state() == before


def test_a_cell_of_ten_megabytes_is_named(tmp_path, films):
    with pytest.raises(ImportFailed, match=r"movies_metadata\.csv, line 2"):
        metadata_import(path=write(tmp_path, f"tmdb_id,overview\n862,{'x' * 10_000_000}\n"))


@pytest.mark.parametrize("seed", range(25))
def test_no_damage_is_a_traceback_or_changes_a_row(tmp_path, films, seed):
    path = write(tmp_path, mutated(random.Random(seed), TMDB.encode()))
    before = state()
    try:
        metadata_import(path=path, skip_bad=seed % 2 == 0)
    except ImportFailed:
        assert state() == before
