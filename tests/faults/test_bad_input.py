"""What makes no sense is refused over HTTP with an error that names it, and nothing has changed; nothing is a 500."""

import random
import socket
import time
from unittest import mock
from urllib.parse import quote, urlsplit
from uuid import UUID, uuid4

import pytest
from django.core import signing

from movies.models import Movie
from recommendations.serving.pages import Cursor
from tests.functional.cinema import EVENTS, LIST, SEARCH, SESSION, Cinema, Client, rows
from tests.functional.web_server import error_of

pytestmark = pytest.mark.django_db(transaction=True)
HUGE = 10**9
LATEST = "/api/recommendations/latest/"
TRENDING = "/api/recommendations/trending/"
POPULAR = "/api/recommendations/popular/"
NUMBERS = ["", "ten", "-1", "1.5", "1e2", "NaN", "0x10", "99999999999", "9" * 2000, "\x00", "1\x00", "null", "[]"]

BAD_QUERY = [
    *[("limit", text) for text in ["0", "101", str(HUGE), *NUMBERS]],
    *[("year_from", text) for text in ["0", "1869", "2201", *NUMBERS]],
    *[("year_to", text) for text in ["0", "1869", "2201", *NUMBERS]],
    *[("max_runtime", text) for text in ["0", "10001", *NUMBERS]],
    *[("exclude", text) for text in [",", " , "]],
    *[("exclude", text) for text in ["x", "-1", "1;2", "1.5", "99999999999", str(2**31), "1,\x00", "²", "9" * 2000]],
    ("exclude", ",".join(["1"] * 1001)),
    *[("genre", text) for text in ["", ",", ",".join(["crime"] * 51)]],
    *[("genre", text) for text in ["nope", "crime,nope", "Crime", "cri\x00me", "x" * 401, "' OR 1=1"]],
    *[("language", text) for text in ["english language", "e n", "12", "en%", "\x00", "é"]],
    *[("mood", text) for text in ["x" * 201, "a\x00b", "\x00"]],
    *[("explain", text) for text in ["maybe", "2", "\x00"]],
    *[("cursor", text) for text in ["x", "a:b:c", "\x00", "x" * 501, ":::", "😀"]],
    *[(name, "1") for name in ["offset", "page", "genres", "limit[]", "__class__", "user", "\x00", "x" * 200]],
]


@pytest.fixture(scope="module")
def person(cinema: Cinema) -> Client:
    return cinema.fan("Crime")


@pytest.fixture(autouse=True)
def _nothing_changes(request: pytest.FixtureRequest, cinema: Cinema):
    before = rows()
    yield
    if "changes" not in request.fixturenames:
        assert rows() == before


@pytest.fixture
def changes() -> None:
    """For the few tests here that also ask for what makes sense."""


@pytest.mark.parametrize(("name", "text"), BAD_QUERY, ids=lambda value: ascii(value)[:24])
def test_a_bad_query_is_refused_by_name(person: Client, name, text):
    error = error_of(person.get(LIST, **{name: text}), 400)

    assert error["code"] == "validation_error"
    assert list(error["fields"]) == [name]


def test_years_the_wrong_way_round_are_refused(person: Client):
    assert list(error_of(person.get(LIST, year_from=2000, year_to=1990), 400)["fields"]) == ["year_from"]


def test_all_that_is_wrong_is_named_at_once(person: Client):
    error = error_of(person.get(LIST, limit=0, year_to="x", explain="?", exclude="a"), 400)

    assert set(error["fields"]) == {"limit", "year_to", "explain", "exclude"}


@pytest.mark.parametrize("raw", ["%ff", "%ED%A0%80", "%C0%80", "%00", "%", "%u0041"])
@pytest.mark.parametrize("name", ["limit", "genre", "exclude", "cursor", "explain", "language"])
def test_bytes_that_are_no_text_are_refused(person: Client, name, raw):
    error_of(person.ask("GET", f"{LIST}?{name}={raw}"), 400)


@pytest.mark.parametrize("raw", ["%ff", "%ED%A0%80", "%C0%80", "%", "&&&", "=", "%E2%80%AE", "%F0%9F%8D%95"])
def test_a_search_or_a_mood_of_odd_bytes_is_answered_or_refused(cinema: Cinema, person: Client, changes, raw):
    for client, path in ((person, f"{LIST}?mood={raw}"), (cinema.guest, f"{SEARCH}?q={raw}")):
        answer = client.ask("GET", path)
        assert answer.status in (200, 400)
        if answer.status == 400:
            error_of(answer, 400)


def test_an_id_nobody_has_may_be_excluded(person: Client, changes):
    assert len(person.ids(exclude=str(HUGE), limit=10)) == 10


def test_as_many_ids_as_may_be_excluded_fit_into_a_request(person: Client, changes):
    exclude = ",".join(str(90_000 + place) for place in range(1000))

    answer = person.ask("GET", f"{LIST}?exclude={exclude}&limit=5")

    assert answer.status == 200
    assert list(error_of(person.ask("GET", f"{LIST}?exclude={exclude},1"), 400)["fields"]) == ["exclude"]


@pytest.mark.parametrize("size", [10_000, 100_000])
def test_a_longer_address_than_the_server_reads_is_refused(cinema: Cinema, person: Client, size):
    with socket.create_connection(("127.0.0.1", urlsplit(cinema.server.url).port), timeout=10) as line:
        exclude = "1," * (size // 2)
        head = (
            f"GET {LIST}?exclude={exclude} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {person.token}\r\n\r\n"
        )
        line.sendall(head.encode())
        status = int(line.recv(12).split()[1])

    assert status in (400, 414, 431)


@pytest.mark.parametrize(
    "header", ["x" * 9000, "Bearer " + "x" * 7000, "Bearer \xff", "Bearer", "Basic x", "Bearer a b"]
)
def test_odd_tokens_are_refused(cinema: Cinema, header):
    with socket.create_connection(("127.0.0.1", urlsplit(cinema.server.url).port), timeout=10) as line:
        line.sendall(f"GET {LIST} HTTP/1.1\r\nHost: localhost\r\nAuthorization: {header}\r\n\r\n".encode("latin-1"))
        status = int(line.recv(12).split()[1])

    assert status in (400, 401, 431)


# --- Cursors -----------------------------------------------------------------------------------------


def cursor_of(person: Client, **query) -> str:
    return person.read(limit=3, **query)["next_cursor"]


def refused(person: Client, cursor: str, **query) -> str:
    """Why a cursor is refused."""
    fields = error_of(person.get(LIST, cursor=cursor, **query), 400)["fields"]
    assert list(fields) == ["cursor"]
    return fields["cursor"][0]


def test_a_cursor_of_another_person_is_refused(cinema: Cinema, person: Client, changes):
    assert "another" in refused(cinema.fan("Crime"), cursor_of(person))


@pytest.mark.parametrize(
    "other", [{}, {"genre": "war"}, {"genre": "crime", "mood": "x"}, {"genre": "crime", "exclude": "1"}]
)
def test_a_cursor_of_other_filters_is_refused(person: Client, changes, other):
    assert "another" in refused(person, cursor_of(person, genre="crime"), **other)


def with_another_end(text: str) -> str:
    return text[:-1] + ("A" if text[-1] != "A" else "B")


def test_a_cursor_somebody_touched_is_refused(person: Client, changes):
    cursor = cursor_of(person)
    payload, timestamp, signature = cursor.split(":")
    touched = [
        cursor[:-1],
        cursor + "x",
        f"{with_another_end(payload)}:{timestamp}:{signature}",
        f"{payload}:{with_another_end(timestamp)}:{signature}",
        f"{payload}:{timestamp}:{signature[::-1]}",
        f".{cursor}",
        f"{payload}:{signature}",
        signing.dumps([str(uuid4()), 3, person.user.pk, ""], salt="another"),
        signing.dumps([str(uuid4()), 3, person.user.pk, ""], key="another", salt="recommendations.cursor"),
    ]
    for text in touched:
        assert "not a cursor" in refused(person, text)
    assert person.read(cursor=cursor)["items"]


@pytest.mark.parametrize("value", [None, 5, "text", [], [1, 2, 3], {"a": 1}])
def test_a_signed_value_that_is_no_cursor_is_refused(person: Client, value):
    refused(person, signing.dumps(value, salt="recommendations.cursor"))


def test_an_expired_cursor_is_refused(person: Client, changes):
    recommendation_id = UUID(person.read()["recommendation_id"])
    with mock.patch("time.time", return_value=time.time() - 2 * 3600):
        old = Cursor(recommendation_id, 3).text(person.user.pk, "")

    assert "no longer kept" in refused(person, old)


def test_a_cursor_of_a_list_that_is_not_kept_is_refused(person: Client):
    assert "no longer kept" in refused(person, Cursor(uuid4(), 3).text(person.user.pk, ""))


def test_a_cursor_past_the_end_shows_nothing(person: Client, changes):
    beyond = Cursor(UUID(person.read()["recommendation_id"]), 10**6).text(person.user.pk, "")

    answer = person.read(cursor=beyond)

    assert (answer["items"], answer["next_cursor"]) == ([], None)


# --- Guests' lists -----------------------------------------------------------------------------------

BAD_SESSION = [
    *[({"limit": value}, "limit") for value in (0, 101, -1, "ten", 1.5, None, [], {}, HUGE, 10**400, True)],
    *[({"movie_ids": value}, "movie_ids") for value in (HUGE, "1", {"a": 1}, [HUGE], [0], [-1], ["x"], [None], [[1]])],
    *[({"movie_ids": value}, "movie_ids") for value in ([1.5], [10**30], [1] * 201, [True], ["\x00"], ["1" * 5000])],
    *[({"events": value}, "events") for value in (5, "x", [1], [None], [[]], [{}], [{"movie": HUGE}])],
    ({"events": [{"movie": 1, "kind": "rating"}]}, "events"),
    ({"events": [{"movie": 1, "kind": "rating", "value": 6}]}, "events"),
    ({"events": [{"movie": 1, "kind": "rating", "value": "NaN"}]}, "events"),
    ({"events": [{"movie": 1, "kind": "rating", "value": 10**400}]}, "events"),
    ({"events": [{"movie": 1, "kind": "like", "value": 3}]}, "events"),
    ({"events": [{"movie": 1, "kind": "\ud800"}]}, "events"),
    ({"events": [{"movie": 1, "kind": ["like"]}]}, "events"),
    ({"events": [{"movie": 1}] * 201}, "events"),
    ({"genre": "nope"}, "genre"),
    ({"genre": ["crime"]}, "genre"),
    ({"genre": "\ud800"}, "genre"),
    ({"year_from": 99999999999}, "year_from"),
    ({"year_from": 2000, "year_to": 1990}, "year_from"),
    ({"language": {"a": 1}}, "language"),
    ({"max_runtime": -1}, "max_runtime"),
    ({"exclude": "1,x"}, "exclude"),
    ({"exclude": ["1"]}, "exclude"),
    ({"mood": "a\x00"}, "mood"),
    ({"mood": "x" * 201}, "mood"),
    ({"mood": {"not": "text"}}, "mood"),
]


@pytest.mark.parametrize(("body", "name"), BAD_SESSION, ids=lambda value: ascii(value)[:40])
def test_a_guests_bad_body_is_refused_by_name(cinema: Cinema, body, name):
    fields = error_of(cinema.guest.ask("POST", SESSION, body), 400)["fields"]

    assert {field.partition(".")[0] for field in fields} == {name}


def test_a_movie_that_is_not_published_is_no_signal(cinema: Cinema):
    for title in ("Hidden", "Draft"):
        body = {"movie_ids": [cinema.special["Heat"].pk, cinema.special[title].pk]}
        fields = error_of(cinema.guest.ask("POST", SESSION, body), 400)["fields"]
        assert str(cinema.special[title].pk) in fields["movie_ids"][0]


@pytest.mark.parametrize("body", [b"", b"{}"])
def test_a_guest_may_send_nothing(cinema: Cinema, body):
    assert cinema.guest.ask("POST", SESSION, body).status == 200


NO_OBJECT = [b"[]", b"[1]", b"5", b'"x"', b"null", b"{", b'{"limit": }', b"\xff\xfe", b'{"limit": NaN}', b"{}{}"]
DEEP_OR_CUT = [b"[" * 30_000, b'{"a":' * 6_000, b'{"mood": "\\ud800"', b'{"movie_ids": [' + b"1" * 5000 + b"]}"]


@pytest.mark.parametrize("body", [*NO_OBJECT, *DEEP_OR_CUT], ids=lambda body: ascii(body)[:24])
@pytest.mark.parametrize("path", [SESSION, EVENTS])
def test_a_body_that_is_no_object_is_refused(person: Client, path, body):
    error_of(person.ask("POST", path, body), 400)


@pytest.mark.parametrize("path", [SESSION, "/api/rank/"])
def test_a_body_over_the_limit_is_refused(person: Client, path):
    body = {"movie_ids": [1] * 60_000}

    error = error_of(person.ask("POST", path, body), 413)

    assert error["code"] == "payload_too_large"
    assert error["message"] == f"The body may have at most {65536 if path == SESSION else 32768} bytes here."


def test_half_a_letter_in_a_mood_is_answered_or_refused(cinema: Cinema):
    answer = cinema.guest.ask("POST", SESSION, b'{"mood": "robots \\ud800"}')

    assert answer.status == 400
    error_of(answer, 400)


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "TRACE", "NONSENSE"])
@pytest.mark.parametrize("path", [LIST, SESSION, SEARCH, LATEST])
def test_other_methods_are_refused(person: Client, path, method):
    error_of(person.ask(method, path, {}), 405)


# --- Open lists, events ------------------------------------------------------------------------------

BAD_OPEN = [
    *[(path, name, text) for path in (POPULAR, TRENDING, LATEST) for name, text in (("limit", "0"), ("limit", "101"))],
    *[(path, "limit", text) for path in (POPULAR, TRENDING, LATEST, SEARCH) for text in NUMBERS],
    *[(path, "genre", "") for path in (POPULAR, TRENDING, LATEST, SEARCH)],
    *[(path, "genre", text) for path in (POPULAR, TRENDING, LATEST, SEARCH) for text in ("nope", "x" * 41, "a\x00")],
    *[(SEARCH, name, text) for name in ("year_from", "year_to") for text in ("0", "10000", *NUMBERS)],
    *[(SEARCH, "q", text) for text in ("", " ", "\x00", "a\x00b", "x" * 3000)],
]


@pytest.mark.parametrize(("path", "name", "text"), BAD_OPEN, ids=lambda value: ascii(value)[:30])
def test_a_bad_query_of_an_open_list_is_refused_by_name(cinema: Cinema, path, name, text):
    query = {"q": "thief"} if path == SEARCH else {}

    fields = error_of(cinema.guest.get(path, **query | {name: text}), 400)["fields"]

    assert list(fields) == [name]


@pytest.mark.parametrize("limit", ["0", "101", "x"])
def test_a_bad_limit_of_similar_movies_is_refused(cinema: Cinema, limit):
    path = f"/api/movies/{cinema.special['Heat'].pk}/similar/"

    assert list(error_of(cinema.guest.get(path, limit=limit), 400)["fields"]) == ["limit"]


@pytest.mark.parametrize("movie", ["0", str(HUGE), str(2**63), "9" * 500, "-1", "x", "1.5", "%00", "%ff"])
def test_movies_like_none_are_404(cinema: Cinema, movie):
    error_of(cinema.guest.ask("GET", f"/api/movies/{movie}/similar/"), 404)


@pytest.mark.parametrize("movie", [HUGE, 0, -1, 2**31, 2**63, 10**30, "x", None, [1], {"id": 1}, 1.5, "\x00", True])
def test_an_event_of_an_unknown_movie_is_refused_and_keeps_lists(cinema: Cinema, changes, movie):
    person = cinema.person()
    before = person.read()["recommendation_id"]
    stored = rows()

    fields = error_of(person.ask("POST", EVENTS, {"movie": movie, "kind": "like"}), 400)["fields"]

    assert list(fields) == ["movie"]
    assert rows() == stored
    assert person.read()["recommendation_id"] == before


# --- Fuzz --------------------------------------------------------------------------------------------

ODD = [None, True, 0, -1, 1, HUGE, 2**31, 2**63, 10**400, 1.5, "", " ", "x", "\x00", "\ud800", "é" * 300, "1,2", "NaN"]
ODD_NESTED = [[], {}, [[]], [None], {"": ""}, [{"movie": 1}], {"movie": [1]}, [1] * 201]
FILTERS = ["limit", "genre", "year_from", "year_to", "language", "max_runtime", "exclude", "mood"]
NAMES = [*FILTERS, "cursor", "explain", "movie_ids", "events", "q", "kind"]


def test_whatever_is_sent_is_answered_or_refused_and_never_fails(cinema: Cinema, person: Client, changes):
    sample = random.Random(11)
    movie = Movie.objects.order_by("pk").first()
    values = [*ODD, *ODD_NESTED, movie.pk, "crime", [movie.pk]]
    for _ in range(250):
        given = {name: sample.choice(values) for name in sample.sample(NAMES, sample.randint(1, 4))}
        raw = "&".join(
            f"{name}={quote(str(value)[:300].encode(errors='surrogatepass'))}" for name, value in given.items()
        )
        path = sample.choice([LIST, SEARCH, LATEST, TRENDING, POPULAR, f"/api/movies/{movie.pk}/similar/"])
        answers = [person.ask("GET", f"{path}?{raw}"), cinema.guest.ask("POST", SESSION, given)]
        for answer in answers:
            assert answer.status in (200, 400), (path, given, answer.body)
            if answer.status == 400:
                error_of(answer, 400)
