"""Bodies made to cost much are answered shortly, whatever is in them, and keep nobody else waiting."""

import json
import socket
from urllib.parse import urlsplit

import pytest

from tests.functional.cinema import EVENTS, SESSION, Cinema, at_once, rows
from tests.functional.web_server import error_of

pytestmark = pytest.mark.django_db(transaction=True)
GROUP = "/api/groups/"
TOKEN = "/api/auth/token/"
REGISTER = "/api/auth/register/"
# A little under what each address reads.
SIZES = {SESSION: 65_000, GROUP: 16_000, EVENTS: 32_000, TOKEN: 32_000, REGISTER: 32_000}


def filled(head: str, item: str, tail: str, size: int) -> bytes:
    """``item`` again and again between the two, in as many bytes as fit."""
    count = (size - len(head) - len(tail)) // (len(item) + 1)
    return (head + ",".join([item] * count) + tail).encode()


BODIES = {
    "wrong ids": (SESSION, lambda size: filled('{"movie_ids":[', "0", "]}", size)),
    "lists in a list": (SESSION, lambda size: filled('{"movie_ids":[', "[]", "]}", size)),
    "empty events": (SESSION, lambda size: filled('{"events":[', "{}", "]}", size)),
    "events of unknown names": (SESSION, lambda size: filled('{"events":[', '{"movei":1}', "]}", 2000)),
    "ids to leave out": (SESSION, lambda size: filled('{"exclude":"', "1", '"}', size)),
    "genres": (SESSION, lambda size: filled('{"genre":"', "x", '"}', size)),
    "a long mood": (SESSION, lambda size: json.dumps({"mood": "x" * (size - 20)}).encode()),
    "a mood of marks": (SESSION, lambda size: ('{"mood":"q%s"}' % ("\u0345\u0334" * (size // 5))).encode()),
    "a long choice": (SESSION, lambda size: json.dumps({"events": [{"kind": "x" * (size - 50)}]}).encode()),
    "a long number": (SESSION, lambda size: b'{"limit":' + b"9" * (size - 20) + b"}"),
    "long numbers": (SESSION, lambda size: filled('{"movie_ids":[', "9" * 4000, "]}", size)),
    "unknown names": (SESSION, lambda size: json.dumps({f"n{n}": n for n in range(size // 15)}).encode()),
    "a long name": (SESSION, lambda size: json.dumps({"x" * (size - 20): 1}).encode()),
    "members": (GROUP, lambda size: filled('{"members":[', '""', "]}", size)),
    "a long member": (GROUP, lambda size: json.dumps({"members": ["x" * (size - 30)]}).encode()),
    "a long kind": (EVENTS, lambda size: json.dumps({"movie": 1, "kind": "x" * (size - 40)}).encode()),
    "a long event id": (EVENTS, lambda size: json.dumps({"movie": 1, "event_id": "x" * (size - 40)}).encode()),
    "depth": (EVENTS, lambda size: b"[" * size),
    "a long account": (TOKEN, lambda size: json.dumps({"email": "x" * (size - 40), "password": "y"}).encode()),
    "a long password": (
        REGISTER,
        lambda size: json.dumps({"email": "a@b.co", "password": "x" * (size - 50)}).encode(),
    ),
}


@pytest.mark.parametrize("name", BODIES)
def test_a_hostile_body_has_a_short_answer(cinema: Cinema, name):
    path, body = BODIES[name]
    person = cinema.person() if path in (GROUP, EVENTS) else cinema.guest
    before = rows()

    answer = person.ask("POST", path, body(SIZES[path]))

    error = error_of(answer, 400)
    assert len(answer.body) < 10_000
    assert len(error["fields"]) <= 20
    assert rows() == before


def test_a_hostile_form_has_a_short_answer(cinema: Cinema):
    form = {"Content_Type": "application/x-www-form-urlencoded"}
    for body in (
        b"&".join([b"a=1"] * 1900),
        b"grant_type=password&username=" + b"x" * 30_000 + b"&password=y",
        b"=" * 30_000,
    ):
        answer = cinema.guest.ask("POST", TOKEN, body, **form)
        assert (answer.status, answer.json()["error"]) == (400, "invalid_request")
        assert len(answer.body) < 1000


def test_a_body_in_chunks_is_refused_and_not_taken_for_none(cinema: Cinema):
    # With this header urllib sends the body so, without a Content-Length.
    answer = cinema.guest.ask("POST", SESSION, {"movie_ids": [1]}, Transfer_Encoding="chunked")

    assert error_of(answer, 411)["code"] == "length_required"


def test_no_header_sets_the_script_name(cinema: Cinema):
    head = "GET /api/genres/ HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nSCRIPT_NAME: /elsewhere\r\n\r\n"

    with socket.create_connection(("127.0.0.1", urlsplit(cinema.server.url).port)) as connection:
        connection.sendall(head.encode())
        answer = connection.makefile("rb").readline()

    assert answer.split()[1] == b"200"


def test_eight_hostile_bodies_at_once_silence_nobody(cinema: Cinema):
    much = filled('{"movie_ids":[', "0", "]}", 1_000_000)
    little = filled('{"movie_ids":[', "0", "]}", 65_000)
    guest = cinema.guest

    answers = at_once(
        [lambda body=body: guest.ask("POST", SESSION, body) for body in [much] * 4 + [little] * 4]
        + [lambda: guest.get("/health/live")]
    )

    assert [answer.status for answer in answers] == [413] * 4 + [400] * 4 + [200]
    assert max(len(answer.body) for answer in answers) < 1000
