"""Cached lists are answered from the main loop, as Django would, and to nobody whose access has ended."""

import json
import re
import signal
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from uuid import uuid4

import jwt
import pytest
from django.core.cache import caches
from django.db import connection, transaction
from django_redis import get_redis_connection

from accounts.access_changes import access_changing
from accounts.clients.models import Client, ClientKey
from accounts.clients.scopes import Scope
from accounts.clients.services import key_revoke
from accounts.deletion import user_delete
from accounts.models import AccessChange, User
from accounts.passwords import password_change
from accounts.services import user_update
from accounts.signins import InvalidRefreshTokenError, sign_in_end, sign_ins_end, tokens_issue, tokens_refresh
from accounts.tokens import AccessToken, RefreshToken, token_family
from recsys_project.fast_path.access import entry_key
from tests.factories import PASSWORD, make_key, make_user, some_popular
from tests.functional.fast_line import BY_DJANGO, KEYS, LIST, Line, answered, bearer, comparable, status, warmed
from tests.functional.web_server import WebServer, web_server

pytestmark = pytest.mark.django_db(transaction=True)
BURST = 80


@pytest.fixture(scope="module")
def server(tmp_path_factory, django_db_setup, django_db_blocker) -> Iterator[WebServer]:
    caches["default"].delete_pattern("*")
    environment = KEYS | {
        "WEB_CONCURRENCY": "1",
        "RATE_LIMIT_USER": f"60/m:{BURST}",
        "RATE_LIMIT_CLIENT": f"60/m:{BURST}",
        "ACCESS_TOKEN_MINUTES": "60",
    }
    with django_db_blocker.unblock(), web_server(tmp_path_factory.mktemp("web"), **environment) as running:
        yield running


@pytest.fixture(autouse=True)
def _movies():
    some_popular(12)


def test_a_cached_list_is_answered_as_django_does(server):
    headers = bearer(AccessToken.for_user(make_user()))
    line = warmed(server, headers)
    before = answered(server)

    fast = [line.get(f"{LIST}?limit=5", headers) for _ in range(3)]
    slow = line.get(f"{LIST}?limit=5", headers | BY_DJANGO)

    assert answered(server) - before == 3
    assert len(json.loads(fast[-1][1])["items"]) == 5
    assert [comparable(one) for one in fast] == [comparable(slow)] * 3
    # Also the order of the headers.
    assert [one.partition(":")[0] for one in fast[0][0].split("\r\n")] == [
        one.partition(":")[0] for one in slow[0].split("\r\n")
    ]


def test_a_clients_user_is_answered_as_django_does(server):
    key = key_of_its_own()
    headers = {"Authorization": f"Api-Key {key}"}
    path = f"{LIST}?user=caf%C3%A9+1&limit=3"
    line = warmed(server, headers, path)

    fast, slow = line.get(path, headers), line.get(path, headers | BY_DJANGO)

    assert comparable(fast) == comparable(slow)
    other = line.get(f"{LIST}?user=another&limit=3", headers)
    assert json.loads(other[1])["recommendation_id"] != json.loads(fast[1])["recommendation_id"]
    users = User.objects.filter(client=client_of_key(key))
    assert set(users.values_list("external_id", flat=True)) == {"café 1", "another"}


def unusual_requests(person: User) -> dict[str, tuple[str, dict[str, str], str]]:
    token = AccessToken.for_user(person)
    good = bearer(token)
    ended = AccessToken.for_user(person)
    ended.set_exp(lifetime=-timedelta(minutes=1))
    deleted = make_user()
    of_deleted = AccessToken.for_user(deleted)
    deleted.delete()
    return {
        "nobody": ("GET", {}, LIST),
        "expired": ("GET", bearer(ended), LIST),
        "forged": ("GET", bearer(jwt.encode(token.payload, "x" * 50, algorithm="HS256")), LIST),
        "unsigned": ("GET", bearer(jwt.encode(token.payload, "", algorithm="none")), LIST),
        "refresh": ("GET", bearer(RefreshToken.for_user(person)), LIST),
        "deleted": ("GET", bearer(of_deleted), LIST),
        "inactive": ("GET", bearer(AccessToken.for_user(make_user(is_active=False))), LIST),
        "nonsense": ("GET", bearer("nonsense"), LIST),
        "two words": ("GET", bearer(f"{token} {token}"), LIST),
        "another scheme": ("GET", {"Authorization": f"Token {token}"}, LIST),
        "wrong key": ("GET", {"Authorization": f"Api-Key {make_key()[:-3]}AAA"}, f"{LIST}?user=x"),
        "key without scope": (
            "GET",
            {"Authorization": f"Api-Key {make_key(scopes=[Scope.CATALOGUE_READ.value])}"},
            f"{LIST}?user=x",
        ),
        "key without a user": ("GET", {"Authorization": f"Api-Key {make_key()}"}, LIST),
        "a user and a token": ("GET", good, f"{LIST}?user=x"),
        "limit 0": ("GET", good, f"{LIST}?limit=0"),
        "limit 101": ("GET", good, f"{LIST}?limit=101"),
        "two limits": ("GET", good, f"{LIST}?limit=1&limit=2"),
        "unknown parameter": ("GET", good, f"{LIST}?limits=1"),
        "empty parameter": ("GET", good, f"{LIST}?limit="),
        "filtered": ("GET", good, f"{LIST}?year_from=1990"),
        "wrong cursor": ("GET", good, f"{LIST}?cursor=x"),
        "explained": ("GET", good, f"{LIST}?explain=yes-please"),
        "html": ("GET", good | {"Accept": "text/html"}, LIST),
        "another host": ("GET", good | {"Host": "evil.example"}, LIST),
        "without a slash": ("GET", good, LIST.rstrip("/")),
        "post": ("POST", good | {"Content-Length": "0"}, LIST),
        "options": ("OPTIONS", good, LIST),
        "preflight": ("OPTIONS", good | {"Origin": "https://a.example", "Access-Control-Request-Method": "GET"}, LIST),
        "another site": ("GET", good | {"Origin": "https://a.example"}, LIST),
        "matching tag": ("GET", good | {"If-None-Match": "*"}, LIST),
    }


def test_unusual_requests_get_what_django_answers(server):
    person = make_user()
    warmed(server, bearer(AccessToken.for_user(person)))
    for name, (method, headers, path) in unusual_requests(person).items():
        fast, slow = (Line(server).get(path, headers | more, method) for more in ({}, BY_DJANGO))
        head, body = comparable(fast)
        slow_head, slow_body = comparable(slow)
        if "recommendation_id" not in body:
            assert body == slow_body, name
        assert head == slow_head, name


def test_the_log_line_is_the_same(server):
    person = make_user()
    headers = bearer(AccessToken.for_user(person))
    line = warmed(server, headers)
    fast, slow = str(uuid4()), "slow-" + str(uuid4())
    line.get(LIST, headers | {"X-Request-ID": fast})
    line.get(LIST, headers | {"X-Request-ID": slow} | BY_DJANGO)
    time.sleep(0.3)

    lines = {one.get("request_id"): one for one in server.log_lines()}

    for one in (lines[fast], lines[slow]):
        assert one.pop("duration_ms") > 0
        assert one.pop("timestamp")
    assert lines[fast] == lines[slow] | {"request_id": fast}
    assert lines[fast]["list"] == "hit"


def test_the_metrics_count_both_alike(server):
    headers = bearer(AccessToken.for_user(make_user()))
    line = warmed(server, headers)

    def counted() -> dict[str, float]:
        time.sleep(0.4)
        text = server.request("GET", "/metrics").body.decode()
        lines = [
            one
            for one in text.splitlines()
            if one.startswith(("recsys_http_", "recsys_lists_")) and "seconds" not in one
        ]
        return {name: float(value) for name, _, value in (one.rpartition(" ") for one in lines)}

    def added(more: dict[str, str]) -> dict[str, float]:
        before = counted()
        for _ in range(5):
            line.get(LIST, headers | more)
        after = counted()
        changes = {name: value - before.get(name, 0) for name, value in after.items()}
        return {name: value for name, value in changes.items() if value}

    by_django = added(BY_DJANGO)
    assert added({}) == by_django
    assert any("recommendations:list" in name and value == 5 for name, value in by_django.items())
    assert by_django['recsys_lists_total{state="hit"}'] == 5


# What ends a person's access, as services do it in another process.
ENDINGS: dict[str, Callable[[User, AccessToken], object]] = {
    "password": lambda user, token: password_change(user=user, old_password=PASSWORD, new_password="another good one"),
    "sign-out": lambda user, token: sign_in_end(user=user, family=token_family(token)),
    "sign-out everywhere": lambda user, token: sign_ins_end(user=user),
    "deactivation": lambda user, token: _deactivate(user),
    "deletion": lambda user, token: user_delete(user_id=user.pk),
}


def _deactivate(user: User) -> None:
    user.is_active = False
    user.save()


@pytest.mark.parametrize("name", ENDINGS)
def test_access_ends_at_the_next_request(server, name):
    person = make_user()
    token = tokens_issue(user=person).access
    line = warmed(server, bearer(token))

    ENDINGS[name](User.objects.get(pk=person.pk), AccessToken(token))

    for _ in range(3):
        assert status(line.get(LIST, bearer(token))) == 401
        time.sleep(0.4)


def test_a_replayed_refresh_token_ends_the_family(server):
    first = tokens_issue(user=make_user())
    second = tokens_refresh(refresh=first.refresh)
    third = tokens_refresh(refresh=second.refresh)
    line = warmed(server, bearer(third.access))

    with pytest.raises(InvalidRefreshTokenError):
        tokens_refresh(refresh=first.refresh)

    assert status(line.get(LIST, bearer(third.access))) == 401


def test_a_pause_shows_at_the_next_request(server):
    person = make_user()
    headers = bearer(AccessToken.for_user(person))
    line = warmed(server, headers)
    before = answered(server)

    user_update(user=User.objects.get(pk=person.pk), personalisation=False)

    for _ in range(3):
        assert status(line.get(LIST, headers)) == 200
    assert answered(server) == before


def key_of_its_own() -> str:
    """A key of a client application that no other test has."""
    return make_key(f"shop-{uuid4().hex[:8]}")


def client_of_key(key: str) -> Client:
    return ClientKey.objects.get(prefix=key.partition(".")[0]).client


KEY_ENDINGS: dict[str, tuple[Callable[[str], object], int]] = {
    "revoked": (lambda prefix: key_revoke(prefix=prefix), 401),
    "inactive client": (lambda prefix: _change(client_of_key(prefix), is_active=False), 401),
    "other scopes": (lambda prefix: _change(ClientKey.objects.get(prefix=prefix), scopes=["catalogue:read"]), 403),
    "deactivated user": (
        lambda prefix: _deactivate(User.objects.get(client=client_of_key(prefix), external_id="x")),
        403,
    ),
}


def _change(row: Client | ClientKey, **fields: object) -> None:
    for name, value in fields.items():
        setattr(row, name, value)
    row.save()


@pytest.mark.parametrize("name", KEY_ENDINGS)
def test_a_keys_access_ends_at_the_next_request(server, name):
    key = key_of_its_own()
    headers = {"Authorization": f"Api-Key {key}"}
    line = warmed(server, headers, f"{LIST}?user=x")
    end, refusal = KEY_ENDINGS[name]

    end(key.partition(".")[0])

    for _ in range(3):
        assert status(line.get(f"{LIST}?user=x", headers)) == refusal
        time.sleep(0.4)


def test_a_change_that_no_service_made_ends_access(server):
    person = make_user()
    headers = bearer(AccessToken.for_user(person))
    line = warmed(server, headers)

    with connection.cursor() as cursor:
        cursor.execute("UPDATE accounts_user SET token_version = token_version + 1 WHERE id = %s", [person.pk])
    assert AccessChange.objects.filter(subject=f"user:{person.pk}").exists()
    time.sleep(1.5)

    assert status(line.get(LIST, headers)) == 401


def test_nothing_is_answered_while_a_change_is_on_its_way(server):
    person = make_user()
    headers = bearer(AccessToken.for_user(person))
    line = warmed(server, headers)
    before = answered(server)

    with transaction.atomic(), access_changing(f"user:{person.pk}"):
        for _ in range(3):
            assert status(line.get(LIST, headers)) == 200
        assert get_redis_connection("default").get(entry_key(f"user:{person.pk}")) == b"-"

    assert status(line.get(LIST, headers)) == 200
    assert answered(server) == before


def test_an_entry_of_another_start_of_redis_does_not_count(server):
    person = make_user()
    headers = bearer(AccessToken.for_user(person))
    line = warmed(server, headers)
    before = answered(server)
    redis = get_redis_connection("default")
    stamp, value = redis.get(entry_key(f"user:{person.pk}")).split(b" ")

    redis.set(entry_key(f"user:{person.pk}"), b"x" + stamp + b" " + value)
    assert status(line.get(LIST, headers)) == 200

    assert answered(server) == before
    assert redis.get(entry_key(f"user:{person.pk}")) == stamp + b" " + value


def test_the_limit_is_the_same_whoever_answers(server):
    headers = bearer(AccessToken.for_user(make_user()))
    line = warmed(server, headers)

    answers = [line.get(LIST, headers | (BY_DJANGO if number % 3 == 0 else {})) for number in range(BURST + 25)]

    left = [int(re.search(r"RateLimit: .*r=(\d+);", head)[1]) for head, _ in answers if " 200 " in head]
    assert BURST - 10 < len(left) <= BURST + 10
    assert left == sorted(left, reverse=True)
    assert status(answers[-1]) == 429
    assert int(re.search(r"Retry-After: (\d+)", answers[-1][0])[1]) >= 1


def test_a_list_that_the_client_has_is_304(server):
    headers = bearer(AccessToken.for_user(make_user()))
    line = warmed(server, headers)
    before = answered(server)
    tag = re.search(r"ETag: (\S+)", line.get(f"{LIST}?limit=4", headers)[0])[1]
    same = headers | {"If-None-Match": f'"x", {tag}'}

    fast = line.get(f"{LIST}?limit=4", same)
    slow = line.get(f"{LIST}?limit=4", same | BY_DJANGO)

    assert status(fast) == status(slow) == 304
    assert comparable(fast) == comparable(slow)
    assert fast[1] == b""
    assert status(line.get(f"{LIST}?limit=5", same)) == 200
    assert answered(server) - before == 3


def test_requests_sent_together_are_answered_in_order(server):
    headers = bearer(AccessToken.for_user(make_user()))
    line = warmed(server, headers)
    lines = "".join(f"{name}: {value}\r\n" for name, value in {"Host": "localhost", **headers}.items())
    requests = [
        f"GET {path} HTTP/1.1\r\n{lines}X-Request-ID: number-{number}\r\n\r\n".encode()
        for number, path in enumerate([LIST, f"{LIST}?limit=3", "/api/genres/", f"{LIST}?limit=2", LIST])
    ]

    first = line.send(b"".join(requests))
    answers = [first, *(line.read() for _ in requests[1:])]

    assert [re.search(r"X-Request-ID: (\S+)", head)[1] for head, _ in answers] == [f"number-{n}" for n in range(5)]


def test_a_worker_that_ends_answers_what_it_has(server, tmp_path):
    with web_server(tmp_path, WEB_CONCURRENCY="1", **KEYS) as other:
        headers = bearer(AccessToken.for_user(make_user()))
        line = warmed(other, headers)
        other.process.send_signal(signal.SIGTERM)
        assert status(line.get(LIST, headers)) == 200


def test_a_client_that_reads_late_gets_all_answers(server):
    person = make_user()
    headers = {**bearer(AccessToken.for_user(person)), "Host": "localhost"}
    line = warmed(server, headers)
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    before = answered(server)

    sent = [f"GET {LIST} HTTP/1.1\r\n{lines}X-Request-ID: late-{n}\r\n\r\n".encode() for n in range(40)]
    line._sock.sendall(b"".join(sent))
    time.sleep(1)
    answers = [line.read() for _ in sent]

    assert [re.search(r"X-Request-ID: (\S+)", head)[1] for head, _ in answers] == [f"late-{n}" for n in range(40)]
    assert answered(server) - before == 40
