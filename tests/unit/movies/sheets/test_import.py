"""Staff import movies from CSV and XLSX: a preview first, errors by row and column, all or nothing."""

import io
from datetime import UTC, datetime

import openpyxl
import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django_redis import get_redis_connection

from movies.caching.version_tokens import CATALOGUE, token_key
from movies.models import Movie, MovieCertificate
from tests.factories import make_genre, make_movie, make_user

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
IMPORT, PROCESS = "/admin/movies/movie/import/", "/admin/movies/movie/process_import/"
CSV, XLSX = "0", "1"


@pytest.fixture
def staff(client, db):
    person = make_user(is_staff=True, is_superuser=True)
    client.force_login(person)
    client.person = person
    return client


@pytest.fixture
def heat(db) -> Movie:
    make_genre("Thriller")
    return make_movie("Heat", 1995, genres=["Crime"], movielens_id=6, imdb_id="tt0113277", content_changed_at=LONG_AGO)


def preview(client, text: str | bytes, format_number: str = CSV):
    content = text.encode() if isinstance(text, str) else text
    return client.post(IMPORT, {"import_file": SimpleUploadedFile("a.csv", content), "format": format_number})


def confirm(client, page):
    form = page.context["confirm_form"]
    return client.post(PROCESS, {name: form[name].value() for name in form.fields}, follow=True)


def errors_of(page) -> list[tuple]:
    return [
        (row.number, column, text)
        for row in page.context["result"].invalid_rows
        for column, texts in row.error_dict.items()
        for text in texts
    ]


def sheet(*rows: list) -> bytes:
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    content = io.BytesIO()
    book.save(content)
    return content.getvalue()


def test_a_preview_saves_nothing(staff, heat):
    page = preview(staff, "movielens_id,title\n6,Hot\n7,New\n")

    assert "1 new, 1 changed, 0 unchanged. Nothing is saved yet." in page.text
    assert "<del>Heat</del> <ins>Hot</ins>" in page.text
    assert "style=" not in page.text.split('class="preview-rows"')[1].split("</table>")[0]
    assert Movie.objects.get().title == "Heat"


def test_a_confirmed_file_changes_and_adds_movies(staff, heat):
    make_movie("Casino", movielens_id=16)
    text = (
        "movielens_id,title,year,genres,keywords,certificates\n"
        "6,Heat,1996,crime|THRILLER,la|heist,us:R|DE:16\n"
        "16,Casino,1995,,,\n"
        "9,Sudden,2000,Thriller,,\n"
    )
    page = confirm(staff, preview(staff, text))

    assert "Import finished: 1 new, 1 updated, 0 deleted and 1 skipped movies." in page.text
    heat.refresh_from_db()
    assert (heat.year, [genre.name for genre in heat.genres.all()]) == (1996, ["Crime", "Thriller"])
    assert (heat.keywords, [str(one) for one in heat.certificates.all()]) == (["la", "heist"], ["DE 16", "US R"])
    assert (heat.imdb_id, heat.status) == ("tt0113277", "published")  # Not in the file.
    new = Movie.objects.get(movielens_id=9)
    assert (new.title, new.status, [genre.name for genre in new.genres.all()]) == ("Sudden", "draft", ["Thriller"])


def test_history_log_vectors_and_caches_follow(staff, heat, django_capture_on_commit_callbacks):
    before = get_redis_connection("default").get(token_key(CATALOGUE))
    with django_capture_on_commit_callbacks(execute=True):
        confirm(staff, preview(staff, f"id,year\n{heat.pk},1996\n"))

    change = heat.changes.get()
    assert (change.kind, change.user, change.before, change.after) == (
        "imported",
        staff.person,
        {"year": 1995},
        {"year": 1996},
    )
    assert LogEntry.objects.get().object_id == str(heat.pk)
    assert Movie.objects.get().content_changed_at > LONG_AGO
    assert get_redis_connection("default").get(token_key(CATALOGUE)) != before


def test_an_excel_file_is_imported(staff, heat):
    content = sheet(["imdb_id", "title", "year", "runtime_minutes"], ["tt0113277", "Hot", 1996.0, 170], [], [None])
    confirm(staff, preview(staff, content, XLSX))

    heat.refresh_from_db()
    assert (heat.title, heat.year, heat.runtime_minutes) == ("Hot", 1996, 170)


def test_one_bad_row_keeps_all_from_being_imported(staff, heat):
    page = preview(staff, "movielens_id,title,year\n6,Hot,1996\n7,Bad,20x0\n")

    assert "confirm_form" not in page.context
    assert errors_of(page) == [(3, "year", "20x0 is no whole number from 1870 to 2200.")]
    assert "1 row cannot be imported, so nothing is saved." in page.text


@pytest.mark.parametrize(
    ("row", "column", "error"),
    [
        ("6,,,,,,", "title", "A movie has a title."),
        ("7,,Crime,,,,", "title", "A movie has a title."),
        ("6,Heat,Crmie,,,,", "genres", "There is no genre Crmie. Do you mean Crime?"),
        ("6,Heat,,shown,,,", "status", "shown is none of draft, published, hidden."),
        ("6,Heat,,,UK:15,,", "certificates", "UK is no country: give two letters of ISO 3166, such as SE."),
        ("6,Heat,,,US,,", "certificates", "US is no country and certificate, such as US:R."),
        ("6,Heat,,,,javascript:alert(1),", "poster_url", "This is no URL that begins with https:// or http://."),
        ("6,Heat,,,,,english", "language", "english is no code of a language, such as en."),
        ("six,Heat,,,,,", "movielens_id", "six is no whole number from 0 to 2147483647."),
        (f"6,{'x' * 301},,,,,", "title", "At most 300 letters; this has 301."),
        (",Heat,,,,,", "__all__", "Give one of id, movielens_id, imdb_id, which say which movie the row is about."),
    ],
)
def test_an_error_names_its_row_and_column(staff, heat, row, column, error):
    page = preview(staff, f"movielens_id,title,genres,status,certificates,poster_url,language\n{row}\n")

    assert errors_of(page) == [(2, column, error)]
    assert Movie.objects.get().title == "Heat"


def test_all_errors_of_a_row_are_shown_at_once(staff, heat):
    page = preview(staff, "movielens_id,title,year,genres\n6,,1,Noir\n")

    assert [column for _, column, _ in errors_of(page)] == ["title", "year", "genres"]


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("id,name\n1,x\n", "Unknown columns: name. Columns are id, movielens_id,"),
        ("title\nHeat\n", "One of these columns must say which movie a row is about"),
        ("id,id\n1,1\n", "There are two columns named id."),
        ("id,,title\n1,,x\n", "Column 2 has no name."),
        ("id,title\n", "no rows below its header"),
        ("", "empty"),
        ("id,title\n1,a,b\n", "Row 2 has 3 cells, and the header has 2."),
        ('id,title\n1,"a\n', "cannot be read"),
        (b"id,title\n1,caf\xe9\n", "not in UTF-8"),
        ("id,title\n1,a\0b\n", "null characters"),
        ("id,title\n1," + "x" * 20_001 + "\n", "more than 20,000 letters"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused(staff, heat, text, error):
    page = preview(staff, text)

    assert error in page.text
    assert "confirm_form" not in page.context


def test_semicolons_and_byte_order_marks_are_read(staff, heat):
    confirm(staff, preview(staff, "\ufeffMovieLens_ID;Title\r\n6;Hot\r\n"))

    assert Movie.objects.get().title == "Hot"


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("movielens_id,title\n6,A\n6,B\n", "Row 2 is about the same movie."),
        ("movielens_id,imdb_id\n6,tt0113277\n,tt0113277\n", "Row 2 is about the same movie."),
        ("movielens_id,title\n7,A\n7,B\n", "Row 2 is about the same movie."),
        ("id,title\n{other},Heat\n{other},Heat\n", "Row 2 is about the same movie."),
        ("id,movielens_id\n{other},6\n", "Heat (1995) has this id."),
        ("id,title\n999999,A\n", "There is no movie with the id 999999."),
        ("imdb_id,title\ntt0000001,A\n", "2 movies have tt0000001: name one by its id."),
    ],
)
def test_an_unclear_movie_is_refused(staff, heat, text, error):
    other = make_movie("Other", imdb_id="tt0000001")
    make_movie("Twin", imdb_id="tt0000001")
    page = preview(staff, text.format(other=other.pk))

    assert error in [text for _, _, text in errors_of(page)]


def test_an_empty_cell_empties_its_field(staff, heat):
    MovieCertificate.objects.create(movie=heat, country="US", certificate="R")
    confirm(staff, preview(staff, "movielens_id,year,genres,certificates,status\n6,,,,\n"))

    heat.refresh_from_db()
    assert (heat.year, heat.genres.count(), heat.certificates.count(), heat.status) == (None, 0, 0, "published")


def test_errors_since_the_preview_keep_all_from_being_saved(staff, heat):
    page = preview(staff, "movielens_id,title,genres\n6,Hot,Thriller\n7,New,\n")
    heat.genres.model.objects.filter(name="Thriller").delete()
    page = confirm(staff, page)

    assert "There is no genre Thriller." in page.text
    assert [movie.title for movie in Movie.objects.all()] == ["Heat"]


def test_a_file_is_confirmed_once(staff, heat):
    page = preview(staff, "movielens_id,title\n6,Hot\n")
    confirm(staff, page)

    assert "The preview has expired" in confirm(staff, page).text


@pytest.mark.parametrize(
    "forged",
    [
        {"import_file_name": "../../etc/passwd"},
        {"import_file_name": "0" * 32},
        {"format": "7"},
        {"format": "x"},
        {"resource": "9"},
        {"import_file_name": ""},
    ],
)
def test_a_forged_confirmation_imports_nothing(staff, heat, forged):
    form = preview(staff, "movielens_id,title\n6,Hot\n").context["confirm_form"]
    data = {name: form[name].value() for name in form.fields} | forged

    assert "The preview has expired" in staff.post(PROCESS, data, follow=True).text
    assert Movie.objects.get().title == "Heat"


@pytest.mark.parametrize("rights", [["view_movie"], ["view_movie", "change_movie"], ["view_movie", "add_movie"]])
def test_import_needs_the_right_to_add_and_change(client, heat, rights):
    person = make_user(is_staff=True)
    person.user_permissions.set(Permission.objects.filter(codename__in=rights))
    client.force_login(person)

    assert client.get(IMPORT).status_code == preview(client, "id,title\n1,x\n").status_code == 403
    assert client.post(PROCESS, {}).status_code == 403
    assert IMPORT not in client.get("/admin/movies/movie/").text


def test_many_rows_cost_few_queries(staff, heat):
    rows = "".join(f"{number},Movie {number},Crime\n" for number in range(100, 400))
    page = preview(staff, f"movielens_id,title,genres\n{rows}")
    with CaptureQueriesContext(connection) as queries:
        confirm(staff, page)

    assert Movie.objects.count() == 301
    assert len(queries) < 60
