"""No entry of the stream stops the writer, whatever it holds: it becomes a dead letter, or is dropped."""

from array import array
from typing import Any

import orjson
import pytest

from events.served.entries import list_fields
from events.served.selectors import stream_state
from events.served.stream import redis_client, stream_key
from tests.factories import make_user
from tests.served import a_list, drain, impressions, served_lists

pytestmark = pytest.mark.django_db

FIELDS = ("id", "user", "client", "endpoint", "version", "experiment", "arm", "request", "start", "count")
ODD: list[Any] = [None, True, -1, 2**31, 2**63, 1.5, 1e300, "", "x", "x" * 1_000, "\0", [], [1], {}, {"a": 1}]


def add(fields: dict[Any, Any], entry_id: str = "*") -> None:
    redis_client().xadd(stream_key(), fields, id=entry_id)


@pytest.mark.parametrize("place", range(len(FIELDS)), ids=FIELDS)
def test_any_value_in_a_list_leaves_the_others(place):
    user = make_user()
    for odd in ODD:
        good = a_list(user.pk, request_id="good")
        add(list_fields(good))
        fields: dict[str, Any] = list_fields(a_list(user.pk))
        values = orjson.loads(fields["list"])
        values[place] = odd
        add(fields | {"list": orjson.dumps(values)})

    drain()

    assert stream_state().length == 0
    assert served_lists().filter(request_id="good").count() == len(ODD)
    for page in impressions():
        assert 0 <= page.start <= page.start + page.count <= 3
    for written in served_lists():
        assert len(written.sources) in (0, len(written.movie_ids))


@pytest.mark.parametrize("field", ["list", "movies", "scores", "sources", "explored"])
def test_any_bytes_in_a_list_leave_the_others(field):
    user = make_user()
    odd = [b"", b"x", b"\xff" * 24, b"null", b"{}", b"[]", b"1", array("f", [float("nan")] * 3).tobytes()]
    odd += [
        array("f", [float("inf")] * 3).tobytes(),
        bytes(3),
        bytes(24),
        bytes(12),
        array("q", [-(2**63)] * 3).tobytes(),
    ]
    for each in odd:
        add(list_fields(a_list(user.pk, request_id="good")))
        add(list_fields(a_list(user.pk)) | {field: each})

    drain()

    assert stream_state().length == 0
    assert served_lists().filter(request_id="good").count() == len(odd)


@pytest.mark.parametrize("field", ["id", "user", "start", "count", "request"])
def test_any_text_in_a_page_leaves_the_others(field):
    user = make_user()
    good = a_list(user.pk)
    add(list_fields(good))
    fields = {"id": str(good.id), "user": user.pk, "start": 1, "count": 2, "request": "good"}
    odd = ["", "x", "-1", "1.5", "1e3", "9" * 30, "9" * 5_000, "32767", "\0", b"\xff", "nan", "\u0661"]
    for each in odd:
        add(fields)
        add(fields | {"request": "odd", field: each})
    add({"nothing": "known"})

    drain()

    assert stream_state().length == 0
    assert impressions().filter(request_id="good").count() >= len(odd)
    for page in impressions():
        assert 0 <= page.start <= page.start + page.count <= 32_767
