"""What makes no sense from a client application is refused over HTTP, and nothing has changed; nothing is a 500."""

from urllib.parse import quote

import pytest

from tests.factories import make_key
from tests.functional.cinema import EVENTS, LIST, Cinema, Client, rows
from tests.functional.web_server import error_of

pytestmark = pytest.mark.django_db(transaction=True)
RANK = "/api/rank/"
BLANK_IDS = ["", " ", "a ", "\ta", "a\x00", "\n", "\x7f", "\x9f", "\u2028"]
BAD_IDS = [*BLANK_IDS, "x" * 129, "é" * 129, ".", "..", "/", "a/", "a/export", "a\ufffd"]
BAD_HEADERS = [
    "Api-Key",
    "Api-Key ",
    "Api-Key a b",
    "Api-Key .",
    "Api-Key " + "x" * 4000,
    "Api-Key " + "x" * 12 + "." + "y" * 43,
    "Api-Key \xe9\xff.\xe9",
    "Api-Key ' OR 1=1 --.x",
    "api-key None",
]


@pytest.fixture(scope="module")
def key(cinema: Cinema) -> str:
    return f"Api-Key {make_key('faults')}"


@pytest.fixture(autouse=True)
def _nothing_changes(key: str, cinema: Cinema):
    before = rows()
    yield
    assert rows() == before


def ask(cinema: Cinema, key: str, method: str, path: str, body=None):
    return Client(cinema.server).ask(method, path, body, Authorization=key)


@pytest.mark.parametrize("header", BAD_HEADERS)
@pytest.mark.parametrize("path", [f"{LIST}?user=17", "/api/genres/", "/api/users/17/export/"])
def test_a_broken_key_is_401(cinema, key, header, path):
    assert error_of(ask(cinema, header, "GET", path), 401)["code"] == "api_key_not_valid"


@pytest.mark.parametrize("user", BAD_IDS)
def test_an_impossible_id_is_named(cinema, key, user):
    movie = cinema.movies["Crime"][0].pk
    answers = [
        ask(cinema, key, "GET", f"{LIST}?user={quote(user, safe='')}"),
        ask(cinema, key, "GET", f"{EVENTS}?user={quote(user, safe='')}"),
        ask(cinema, key, "POST", EVENTS, {"user": user, "movie": movie, "kind": "like"}),
        ask(cinema, key, "POST", RANK, {"user": user, "movie_ids": [movie]}),
    ]
    for answer in answers:
        assert list(error_of(answer, 400)["fields"]) == ["user"]


@pytest.mark.parametrize("path", ["%00", "..", ".", "%2F", "a%2F", "%20", "%EF%BF%BD", "x" * 129, "%E2%80%A8"])
@pytest.mark.parametrize("method", ["PUT", "DELETE"])
def test_an_impossible_path_is_refused(cinema, key, method, path):
    answer = ask(cinema, key, method, f"/api/users/{path}/", {} if method == "PUT" else None)

    # The last of several slashes, and dots, may lead to another address.
    assert answer.status in (400, 404, 405), answer.body


def test_an_id_that_is_not_utf_8_is_named(cinema, key):
    for path in (LIST, EVENTS):
        assert list(error_of(ask(cinema, key, "GET", f"{path}?user=a%FF"), 400)["fields"]) == ["user"]


@pytest.mark.parametrize("user", [17, 1.5, True, None, [], ["17"], {}, {"id": "17"}])
def test_an_id_that_is_no_string_is_named(cinema, key, user):
    movie = cinema.movies["Crime"][0].pk
    for path, body in ((EVENTS, {"movie": movie, "kind": "like"}), (RANK, {"movie_ids": [movie]})):
        error = error_of(ask(cinema, key, "POST", path, body | {"user": user}), 400)
        assert all(name.split(".")[0] == "user" for name in error["fields"])


BODIES = [b"", b"[]", b"3", b"null", b"{", b'{"movie_ids": [1], "limit": 3, "user": "17"}', b"\xff"]


@pytest.mark.parametrize("body", BODIES)
def test_a_body_that_is_no_request_is_refused(cinema, key, body):
    for method, path in (("POST", EVENTS), ("POST", RANK), ("PUT", "/api/users/17/")):
        if (method, body) != ("PUT", b""):
            assert ask(cinema, key, method, path, body).status == 400


@pytest.mark.parametrize("name", ["user_id", "users", "client", "external_id", "key", "limit"])
def test_an_unknown_field_is_named(cinema, key, name):
    body = {"movie_ids": [cinema.movies["Crime"][0].pk], "user": "17", name: "1"}

    assert list(error_of(ask(cinema, key, "POST", RANK, body), 400)["fields"]) == [name]
    assert list(error_of(ask(cinema, key, "PUT", "/api/users/17/", {name: "1"}), 400)["fields"]) == [name]
    if name != "limit":
        assert list(error_of(ask(cinema, key, "GET", f"{LIST}?user=17&{name}=1"), 400)["fields"]) == [name]


def test_too_many_movies_are_refused_in_one_error(cinema, key):
    error = error_of(ask(cinema, key, "POST", RANK, {"user": "17", "movie_ids": [1] * 1001}), 400)

    assert list(error["fields"]) == ["movie_ids"]
    error_of(ask(cinema, key, "POST", RANK, {"user": "17", "movie_ids": [10**6] * 10_000}), 413)
