"""Answers that are the same for everybody come from the main loop, as Django gives them, and no staler."""

import json
import re
import time
from collections.abc import Iterator
from uuid import uuid4

import pytest
from django.core.cache import caches
from django.db import connection

from accounts.clients.models import Client, ClientKey
from accounts.clients.scopes import Scope
from accounts.clients.services import key_revoke
from accounts.tokens import AccessToken
from movies.caching.version_tokens import invalidate_catalogue
from movies.models import Movie
from movies.services import movies_hide
from recommendations.models import PopularMovie
from tests.factories import make_key, make_movie, make_popular, make_user
from tests.functional.fast_line import BY_DJANGO, KEYS, Line, answered, bearer, comparable, outcomes, status, warmed
from tests.functional.web_server import WebServer, web_server

pytestmark = pytest.mark.django_db(transaction=True)
POPULAR = "/api/recommendations/popular/"
BURST = 400


@pytest.fixture(scope="module")
def server(tmp_path_factory, django_db_setup, django_db_blocker) -> Iterator[WebServer]:
    caches["default"].delete_pattern("*")
    environment = KEYS | {
        "WEB_CONCURRENCY": "1",
        "TRUSTED_PROXIES": "1",
        "RATE_LIMIT_USER": f"60/m:{BURST}",
        "RATE_LIMIT_CLIENT": f"60/m:{BURST}",
        "RATE_LIMIT_ANONYMOUS": f"60/m:{BURST}",
    }
    with django_db_blocker.unblock(), web_server(tmp_path_factory.mktemp("web"), **environment) as running:
        yield running


@pytest.fixture(autouse=True)
def movies() -> Iterator[list[Movie]]:
    """The popular movies of a test, after which those of the tests beside are as before."""
    others = list(PopularMovie.objects.all())
    PopularMovie.objects.all().delete()
    found = [make_movie(title=f"Heat {number}", genres=["drama"]) for number in range(8)]
    make_popular(found)
    yield found
    PopularMovie.objects.all().delete()
    Movie.objects.filter(pk__in=[movie.pk for movie in found]).delete()
    PopularMovie.objects.bulk_create(others)
    invalidate_catalogue()


def paths(movie: Movie) -> list[str]:
    return [
        f"{POPULAR}?limit=3&expand=overview",
        "/api/recommendations/trending/",
        "/api/recommendations/latest/?genre=drama",
        f"/api/movies/{movie.pk}/similar/?limit=4",
        "/api/movies/search/?q=heat%201&year_from=1900",
        f"/api/movies/{movie.pk}/",
        "/api/genres/",
    ]


def from_address(address: str) -> dict[str, str]:
    """A guest of their own limit."""
    return {"X-Forwarded-For": f"203.0.113.9, {address}"}


def callers() -> dict[str, dict[str, str]]:
    return {
        "guest": from_address("198.51.100.7"),
        "person": bearer(AccessToken.for_user(make_user())),
        "key": {"Authorization": f"Api-Key {make_key(scopes=[Scope.CATALOGUE_READ.value])}"},
    }


@pytest.mark.parametrize("name", ["guest", "person", "key"])
def test_each_route_is_answered_as_django_does(server, movies, name):
    headers = callers()[name]
    for path in paths(movies[0]):
        if name == "person" and path == f"/api/movies/{movies[0].pk}/":
            continue
        line = warmed(server, headers, path)
        before = answered(server)

        fast, slow = line.get(path, headers), line.get(path, headers | BY_DJANGO)

        assert answered(server) - before == 1, path
        assert comparable(fast) == comparable(slow), path
        assert len(fast[1]) == len(slow[1])
        assert [one.partition(":")[0] for one in fast[0].split("\r\n")] == [
            one.partition(":")[0] for one in slow[0].split("\r\n")
        ]
        assert limit_of(fast)[0] == limit_of(slow)[0]
        assert limit_of(fast)[1] - limit_of(slow)[1] in (0, 1)


def limit_of(answer: tuple[str, bytes]) -> tuple[str, int]:
    """The name of the limit that counts, and what is left of it."""
    found = re.search(r'RateLimit: "(\w+)";r=(\d+);', answer[0])
    assert found is not None
    return found[1], int(found[2])


def test_a_page_with_a_token_is_left_to_django(server, movies):
    path = f"/api/movies/{movies[0].pk}/"
    line = warmed(server, from_address("198.51.100.8"), path)
    before = answered(server)

    personal = line.get(path, bearer(AccessToken.for_user(make_user())))
    guest = line.get(path, from_address("198.51.100.8"))

    assert answered(server) - before == 1
    assert "Cache-Control: private, no-store" in personal[0]
    assert "Cache-Control" not in guest[0]


def test_a_page_asked_for_with_a_token_is_not_held(server, movies):
    path, guest = f"/api/movies/{movies[1].pk}/", from_address("198.51.100.9")
    line = Line(server)
    for _ in range(3):
        assert status(line.get(path, bearer(AccessToken.for_user(make_user())))) == 200
    before = outcomes(server)

    assert status(line.get(path, guest)) == 200

    assert outcomes(server).get("no_answer", 0) - before.get("no_answer", 0) == 1


@pytest.mark.parametrize(
    "more",
    [
        {"Authorization": "Bearer nonsense"},
        {"Authorization": "Api-Key nonsense"},
        {"Authorization": "Basic YTpi"},
        {"Origin": "https://a.example"},
        {"Host": "evil.example"},
        {"If-None-Match": "*"},
        {"Accept": "text/html"},
    ],
)
def test_unusual_callers_get_what_django_answers(server, movies, more):
    headers = from_address("198.51.100.10") | more
    for path in (POPULAR, f"/api/movies/{movies[0].pk}/"):
        warmed(server, from_address("198.51.100.10"), path)
        fast, slow = (Line(server).get(path, headers | last) for last in ({}, BY_DJANGO))
        assert comparable(fast) == comparable(slow), path


def test_errors_are_never_held(server):
    line, headers = Line(server), from_address("198.51.100.11")
    for path in (f"{POPULAR}?limit=0", f"{POPULAR}?x=1", f"{POPULAR}?genre=none", "/api/movies/999999999/"):
        before = answered(server)
        assert {status(line.get(path, headers)) for _ in range(3)} <= {400, 404}
        assert answered(server) == before


def test_a_hidden_movie_is_gone_at_the_next_request(server, movies):
    headers = from_address("198.51.100.12")
    for path in paths(movies[0]):
        line = warmed(server, headers, path)

    movies_hide(movie_ids=[movies[0].pk])

    for path in paths(movies[0])[:-1]:
        answer = line.get(path, headers)
        if str(movies[0].pk) in path:
            assert status(answer) == 404, path
        else:
            assert movies[0].pk not in [item["movie"]["id"] for item in json.loads(answer[1])["items"]], path


def test_a_change_without_a_token_shows_within_a_second(server, movies):
    headers = from_address("198.51.100.13")
    line = warmed(server, headers, f"/api/movies/{movies[0].pk}/")

    # As a process that is killed between its commit and the token.
    with connection.cursor() as cursor:
        cursor.execute("UPDATE movies_movie SET title = 'Renamed' WHERE id = %s", [movies[0].pk])
        cursor.execute("INSERT INTO movies_cacheinvalidation (name, token, created_at) VALUES ('all', 12345, now())")
    time.sleep(1.5)

    assert json.loads(line.get(f"/api/movies/{movies[0].pk}/", headers)[1])["title"] == "Renamed"


KEY_ENDINGS = {
    "revoked": (lambda prefix: key_revoke(prefix=prefix), 401),
    "inactive client": (lambda prefix: _change(ClientKey.objects.get(prefix=prefix).client, is_active=False), 401),
    "other scopes": (lambda prefix: _change(ClientKey.objects.get(prefix=prefix), scopes=["events:write"]), 403),
}


def _change(row: Client | ClientKey, **fields: object) -> None:
    for name, value in fields.items():
        setattr(row, name, value)
    row.save()


@pytest.mark.parametrize("name", KEY_ENDINGS)
def test_a_keys_access_ends_at_the_next_request(server, name):
    key = make_key(f"shop-{uuid4().hex[:8]}", scopes=[Scope.CATALOGUE_READ.value])
    headers = {"Authorization": f"Api-Key {key}"}
    line = warmed(server, headers, POPULAR)
    end, refusal = KEY_ENDINGS[name]

    end(key.partition(".")[0])

    for _ in range(3):
        assert status(line.get(POPULAR, headers)) == refusal
        time.sleep(0.4)


def test_a_key_without_the_scope_gets_no_held_answer(server):
    warmed(server, from_address("198.51.100.14"), POPULAR)
    headers = {"Authorization": f"Api-Key {make_key(scopes=[Scope.EVENTS_WRITE.value])}"}
    line = Line(server)
    assert {status(line.get(POPULAR, headers)) for _ in range(3)} == {403}


def test_each_address_has_its_own_limit_behind_a_proxy(server):
    one, other = from_address("198.51.100.15"), from_address("198.51.100.16")
    line = warmed(server, one, POPULAR)
    left = limit_of(line.get(POPULAR, one))[1]
    for _ in range(5):
        line.get(POPULAR, other)

    assert limit_of(line.get(POPULAR, one))[1] in (left - 1, left, left + 1)
    # The client's own part of the header does not count.
    forged = {"X-Forwarded-For": "192.0.2.1, 198.51.100.15"}
    assert limit_of(line.get(POPULAR, forged))[1] <= left


def test_the_anonymous_limit_holds_whoever_answers(server):
    headers = from_address("198.51.100.17")
    line = warmed(server, headers, POPULAR)

    answers = [line.get(POPULAR, headers | (BY_DJANGO if n % 3 == 0 else {})) for n in range(BURST + 40)]

    left = [limit_of(one)[1] for one in answers if status(one) == 200]
    assert BURST - 10 < len(left) <= BURST + 35
    assert status(answers[-1]) == 429


@pytest.mark.parametrize("name", ["guest", "person", "key"])
def test_the_log_line_is_the_same(server, name):
    headers = callers()[name]
    line = warmed(server, headers, POPULAR)
    fast, slow = str(uuid4()), "slow-" + str(uuid4())
    line.get(POPULAR, headers | {"X-Request-ID": fast})
    line.get(POPULAR, headers | {"X-Request-ID": slow} | BY_DJANGO)
    time.sleep(0.3)

    lines = {one.get("request_id"): one for one in server.log_lines()}

    for one in (lines[fast], lines[slow]):
        assert one.pop("duration_ms") > 0
        assert one.pop("timestamp")
    assert lines[fast] == lines[slow] | {"request_id": fast}


def test_the_metrics_name_the_route(server, movies):
    headers, path = from_address("198.51.100.18"), f"/api/movies/{movies[0].pk}/similar/"

    def counted() -> float:
        time.sleep(0.4)
        text = server.request("GET", "/metrics").body.decode()
        name = "recsys_http_requests_total"
        found = [one for one in text.splitlines() if one.startswith(name) and '"movie-similar"' in one]
        return sum(float(one.rpartition(" ")[2]) for one in found)

    line = warmed(server, headers, path)
    before, by_lane = counted(), answered(server)
    for _ in range(4):
        line.get(path, headers)
    assert counted() - before == answered(server) - by_lane == 4
