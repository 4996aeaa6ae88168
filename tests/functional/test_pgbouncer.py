"""Web behind PgBouncer in transaction mode, with two connections to PostgreSQL for all of its threads."""

import io
import zipfile
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from django.conf import settings as configured

from accounts.models import User
from tests.factories import PASSWORD
from tests.functional.cinema import EVENTS, LIST
from tests.functional.pgbouncer import needs_pgbouncer, pgbouncer
from tests.functional.web_server import WebServer, web_server

pytestmark = [needs_pgbouncer, pytest.mark.django_db(transaction=True)]


@pytest.fixture(scope="module")
def database(cinema, django_db_blocker):
    with django_db_blocker.unblock(), pgbouncer(pool_size=2) as url:
        yield url


@pytest.fixture(scope="module")
def server(database, cinema, tmp_path_factory, django_db_blocker):
    folder = tmp_path_factory.mktemp("pooled")
    environment = {
        "DATABASE_URL": database,
        "DATABASE_PREPARE": "false",
        "RATELIMIT_ENABLE": "false",
        "MODEL_DIR": str(cinema.server.log.parent / "models"),
        "SECRET_KEY": configured.SECRET_KEY,
        "JWT_SIGNING_KEY": configured.JWT_SIGNING_KEY,
    }
    with django_db_blocker.unblock(), web_server(folder, **environment) as running:
        yield running


def sign_in(server: WebServer, email: str) -> dict[str, str]:
    """Registers somebody; returns the header of their requests."""
    account = {"email": email, "password": PASSWORD}
    assert server.request("POST", "/api/auth/register/", account).status == 201
    return {"Authorization": f"Bearer {server.request('POST', '/api/auth/token/', account).json()['access']}"}


def use(server: WebServer, token: dict[str, str], liked: list[int]) -> None:
    """Likes movies, is shown a list without them, and exports what is stored."""
    for movie in liked:
        assert server.request("POST", EVENTS, {"movie": movie, "kind": "like"}, **token).status == 201
    answer = server.request("GET", f"{LIST}?limit=20", **token)
    assert answer.status == 200, answer.body
    shown = [item["movie"]["id"] for item in answer.json()["items"]]
    assert len(shown) == 20
    assert not set(liked) & set(shown)
    exported = server.request("GET", "/api/auth/me/export/", **token)
    assert exported.status == 200
    assert zipfile.ZipFile(io.BytesIO(exported.body)).testzip() is None


def test_people_at_once_share_two_connections(server, cinema):
    # One after the other: a process refuses more sign-ins at once than it has room for.
    tokens = [sign_in(server, f"pooled{number}@example.org") for number in range(6)]
    liked = [[movie.pk for movie in cinema.movies["Crime"][number * 3 : number * 3 + 3]] for number in range(6)]

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda token, movies: use(server, token, movies), tokens, liked))
    erased = [server.request("DELETE", "/api/auth/me/", {"password": PASSWORD}, **token).status for token in tokens]

    assert erased == [204] * 6
    assert not User.objects.filter(email__startswith="pooled").exists()
    assert [line for line in server.log_lines() if line.get("level") in {"error", "critical"}] == []


def test_a_statement_is_cancelled_in_time(database):
    with psycopg.connect(database) as connection:
        assert connection.execute("SHOW statement_timeout").fetchone() == ("20s",)


def test_the_startup_parameters_of_web_are_accepted(database):
    with psycopg.connect(database, options="-c statement_timeout=7s") as connection:
        # PgBouncer ignores it, and its own limit is in force.
        assert connection.execute("SHOW statement_timeout").fetchone() == ("20s",)
