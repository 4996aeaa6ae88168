"""Staff export the movies of a list; no cell is a formula, and the file can be imported as it is."""

import csv
import io

import openpyxl
import pytest
from django.contrib.auth.models import Permission
from django.db import connection
from django.test.utils import CaptureQueriesContext

from movies.models import Movie, MovieCertificate
from movies.sheets import admin as sheets_admin
from movies.sheets.formulas import escaped, unescaped
from tests.factories import make_movie, make_user
from tests.unit.movies.sheets.test_import import confirm, preview

EXPORT = "/admin/movies/movie/export/"


@pytest.fixture
def staff(client, db):
    client.force_login(make_user(is_staff=True, is_superuser=True))
    return client


def rows(response) -> list[dict]:
    return list(csv.DictReader(io.StringIO(response.content.decode("utf-8-sig"))))


def test_every_field_is_exported(staff):
    heat = make_movie("Heat", 1995, genres=["Thriller", "Crime"], keywords=["la", "heist"], movielens_id=6)
    MovieCertificate.objects.create(movie=heat, country="US", certificate="R")
    response = staff.post(EXPORT, {"format": "0"})

    assert response.headers["Content-Disposition"].endswith('.csv"')
    (row,) = rows(response)
    assert (row["id"], row["title"], row["year"]) == (str(heat.pk), "Heat", "1995")
    assert (row["genres"], row["keywords"], row["certificates"]) == ("Crime|Thriller", "la|heist", "US:R")
    assert (row["tmdb_id"], row["overview"]) == ("", "")


def test_search_and_filters_choose_the_movies(staff):
    make_movie("Heat", 1995)
    make_movie("Heat Wave", 1990, status="hidden")
    make_movie("Casino", 1995, status="hidden")
    response = staff.post(f"{EXPORT}?q=heat&status__exact=hidden", {"format": "0"})

    assert [row["title"] for row in rows(response)] == ["Heat Wave"]


@pytest.mark.parametrize("title", ["=1+1", "+1", "-30-", "@home", "'=x", "''+x", "\uff1d1"])
def test_no_cell_is_a_formula_and_imports_back(staff, title):
    movie = make_movie(title, 1995, overview="=HYPERLINK(1)")
    exported = staff.post(EXPORT, {"format": "0"}).content
    assert rows(staff.post(EXPORT, {"format": "0"}))[0]["title"] == f"'{title}"
    Movie.objects.update(title="Other", overview="")
    confirm(staff, preview(staff, exported))

    movie.refresh_from_db()
    assert (movie.title, movie.overview) == (title, "=HYPERLINK(1)")


@pytest.mark.parametrize("text", ["", "'", "'a", "a=1", "''", "O'Brien"])
def test_other_texts_stay_as_they_are(text):
    assert escaped(text) == unescaped(text) == text


def test_an_excel_file_holds_texts_only(staff):
    make_movie("=1+1", 1995)
    content = staff.post(EXPORT, {"format": "1"}).content
    sheet = openpyxl.load_workbook(io.BytesIO(content)).active

    assert {cell.data_type for row in sheet.iter_rows() for cell in row if cell.value is not None} == {"s"}
    assert "'=1+1" in [cell.value for cell in sheet[2]]
    assert "1 unchanged" in preview(staff, content, "1").text


def test_too_many_movies_are_refused_in_words(staff, monkeypatch):
    monkeypatch.setattr(sheets_admin, "MAX_EXPORTED", 1)
    make_movie()
    make_movie()

    assert "These are more than 1 movies" in staff.post(EXPORT, {"format": "0"}).text


def test_more_movies_cost_no_more_queries(staff):
    make_movie(genres=["Crime"])
    with CaptureQueriesContext(connection) as few:
        staff.post(EXPORT, {"format": "0"})
    for _ in range(10):
        make_movie(genres=["Crime"])
    with CaptureQueriesContext(connection) as many:
        assert len(rows(staff.post(EXPORT, {"format": "0"}))) == 11

    assert len(few) == len(many) < 15


@pytest.mark.parametrize("query", ["status__exact=x&nothing=1", "genres__id__exact=x", "o=999", "q=%00", "p=99"])
def test_no_query_breaks_the_export(staff, query):
    assert staff.post(f"{EXPORT}?{query}", {"format": "0"}).status_code in (200, 400)


@pytest.mark.parametrize("form", [{}, {"format": "9"}, {"format": "0", "export_items": ["1"]}])
def test_a_forged_form_exports_nothing(staff, form):
    response = staff.post(EXPORT, form)

    assert response.status_code in (200, 400)
    assert "Content-Disposition" not in response.headers


def test_export_needs_the_right_to_view(client, db):
    person = make_user(is_staff=True)
    person.user_permissions.set(Permission.objects.filter(codename="view_genre"))
    client.force_login(person)

    assert client.post(EXPORT, {"format": "0"}).status_code == 403


def test_an_xlsx_holds_what_xml_cannot(staff):
    make_movie("Heat", 1995, language="e\x01n", imdb_id="tt\x0b1", overview="a\uffffb")
    response = staff.post(EXPORT, {"format": "1"})

    (names, row) = openpyxl.load_workbook(io.BytesIO(response.content)).active.iter_rows(values_only=True)
    exported = dict(zip(names, row, strict=True))
    assert (exported["language"], exported["imdb_id"], exported["overview"]) == ("en", "tt1", "ab")
