"""Staff curate movies in a real browser: a sheet with bad rows, the poster, the history and its undo."""

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from unittest import mock

import pytest
from django.conf import settings
from django.core.management import call_command
from django.test import TransactionTestCase, override_settings

from accounts.models import User
from movies.models import Genre, Movie
from tests.factories import PASSWORD, make_movie, make_user
from tests.functional.browser import CHROMIUM, Browser, browser
from tests.functional.web_server import WebServer, web_server

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(CHROMIUM is None, reason="There is no Chromium on this machine."),
]
ADDRESS = "films.of.staff@example.org"
GENRE = "Films of Staff"
POSTER = b'<svg xmlns="http://www.w3.org/2000/svg" width="185" height="278"><rect width="185" height="278"/></svg>'


class PosterHandler(BaseHTTPRequestHandler):
    """Another host, which has one poster."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "image/svg+xml")
        self.end_headers()
        self.wfile.write(POSTER)

    def log_message(self, *args) -> None:
        pass


@pytest.fixture(scope="module")
def poster_host() -> str:
    with ThreadingHTTPServer(("127.0.0.1", 0), PosterHandler) as host:
        Thread(target=host.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{host.server_port}"
        host.shutdown()


@pytest.fixture(scope="module")
def server(tmp_path_factory, django_db_setup, django_db_blocker, poster_host) -> WebServer:
    folder = tmp_path_factory.mktemp("web")
    with override_settings(STATIC_ROOT=folder / "static"):
        call_command("collectstatic", interactive=False, verbosity=0)
    environment = {
        "DJANGO_SETTINGS_MODULE": "tests.functional.browser_settings",
        "RATELIMIT_ENABLE": "false",
        "WEB_CONCURRENCY": "1",
        "SECRET_KEY": settings.SECRET_KEY,
        "ADMIN_POSTER_HOSTS": poster_host,
    }
    with django_db_blocker.unblock(), web_server(folder, **environment) as running:
        yield running


@pytest.fixture(scope="module", autouse=True)
def kept_rows(django_db_setup, django_db_blocker) -> None:
    """Keeps what is committed: Django would empty every table after each test, and the server knows their ids."""
    with mock.patch.object(TransactionTestCase, "_fixture_teardown"):
        yield
        with django_db_blocker.unblock():
            User.objects.filter(email=ADDRESS).delete()
            Genre.objects.filter(name=GENRE).delete()


@pytest.fixture(scope="module")
def desk(server, tmp_path_factory, kept_rows, django_db_blocker) -> Browser:
    """A browser in which a superuser is signed in."""
    with django_db_blocker.unblock(), browser(tmp_path_factory.mktemp("chromium")) as page:
        make_user(ADDRESS, is_staff=True, is_superuser=True)
        page.open(f"{server.url}/admin/")
        page.submit("#login-form", username=ADDRESS, password=PASSWORD)
        yield page


@pytest.fixture
def film(desk) -> Movie:
    desk.complaints.clear()
    yield make_movie("Films of Staff", 1995, genres=[GENRE])
    Movie.objects.filter(title__startswith="Films of Staff").delete()


def upload(page: Browser, text: str) -> None:
    """Chooses a CSV file of this text in the import form, and sends it."""
    page.run(
        "{const given = new DataTransfer();"
        f"given.items.add(new File([{json.dumps(text)}], 'films.csv'));"
        "document.querySelector('#import-form [type=file]').files = given.files}"
    )
    page.submit("#import-form", format="0")


def test_a_sheet_is_corrected_and_imported(server, desk, film):
    desk.open(f"{server.url}/admin/movies/movie/import/")
    upload(desk, f"id,title,year,genres\n{film.pk},,1995,{GENRE}\n{film.pk},X,20x0,\n0,Films of Staff 2,1990,Crmie\n")
    cells = desk.run("[...document.querySelectorAll('.invalid-rows tbody tr')].map(row => row.innerText)")

    assert [cell.split("\t")[:2] for cell in cells] == [["2", "title"], ["3", ""], ["4", "id"]]
    assert desk.run("document.querySelector('#confirm-form') === null")
    upload(desk, f"id,title,year,genres\n{film.pk},Films of Staff: New,1996,{GENRE}\n")
    assert desk.run("document.querySelector('.preview-rows ins').innerText") == "Films of Staff: New"
    desk.submit("#confirm-form")

    film.refresh_from_db()
    assert (film.title, film.year) == ("Films of Staff: New", 1996)
    assert desk.complaints == []


def test_the_last_change_is_undone(server, desk, film):
    desk.open(f"{server.url}/admin/movies/movie/{film.pk}/change/")
    desk.submit("#movie_form", year="1997")
    desk.open(f"{server.url}/admin/movies/movie/{film.pk}/history/")
    assert desk.run("document.querySelector('#movie-history ins').innerText") == "1997"
    desk.submit("#undo-form")

    film.refresh_from_db()
    assert film.year == 1995
    assert "change undone" in desk.run("document.querySelector('#movie-history tbody tr').innerText")
    assert desk.complaints == []


def test_the_poster_of_another_host_is_shown(server, desk, film, poster_host):
    Movie.objects.filter(pk=film.pk).update(poster_url=f"{poster_host}/poster.svg")
    desk.open(f"{server.url}/admin/movies/movie/{film.pk}/change/")
    desk.wait("document.querySelector('.poster-preview').complete")

    assert desk.run("document.querySelector('.poster-preview').naturalWidth") == 185
    assert desk.complaints == []


def test_selected_movies_get_a_keyword(server, desk, film):
    desk.open(f"{server.url}/admin/movies/movie/?q=films+of+staff")
    desk.run("document.querySelector('.action-select').click()")
    desk.submit("#changelist-form", action="tag_selected")
    desk.submit("#tag-form", add_keywords="heist")

    film.refresh_from_db()
    assert film.keywords == ["heist"]
    desk.open(f"{server.url}/admin/movies/movie/export/?q=films+of+staff")
    assert desk.complaints == []
