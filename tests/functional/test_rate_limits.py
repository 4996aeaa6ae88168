"""Rate limits over HTTP: exact over several processes, and the same for every way to write a request."""

import json
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from urllib.parse import urlencode

import pytest
from django.core.cache import caches

from accounts.hashers import BoundedArgon2PasswordHasher
from accounts.models import User
from tests.factories import PASSWORD, make_user
from tests.functional.web_server import Answer, WebServer, error_of, web_server

pytestmark = pytest.mark.django_db(transaction=True)
TOKEN, ADMIN = "/api/auth/token/", "/admin/login/"
JSON, FORM = "application/json", "application/x-www-form-urlencoded"
BURST = 20
GUESSES, GUESS_LIMIT = 100, 5
_numbers = count(1)


@pytest.fixture(scope="module")
def server(
    tmp_path_factory: pytest.TempPathFactory, django_db_setup: None, django_db_blocker: pytest.FixtureRequest
) -> Iterator[WebServer]:
    """Four processes behind one proxy. Nothing refills within a test."""
    caches["ratelimit"].delete_pattern("*")
    environment = {
        "WEB_CONCURRENCY": "4",
        "TRUSTED_PROXIES": "1",
        "RATE_LIMIT_ANONYMOUS": f"{BURST}/d:{BURST}",
        "RATE_LIMIT_LOGIN_ACCOUNT": f"{GUESS_LIMIT}/d:{GUESS_LIMIT}",
        "RATE_LIMIT_LOGIN_KNOWN": "50/d:50",
        "RATE_LIMIT_LOGIN_TOTAL": "100000/d:100000",
    }
    with django_db_blocker.unblock(), web_server(tmp_path_factory.mktemp("web"), **environment) as running:
        yield running


@pytest.fixture
def ada() -> User:
    """A member of staff whose password the server can verify, with an address of their own."""
    user = make_user(f"ada{next(_numbers)}@x.org", is_staff=True)
    user.password = BoundedArgon2PasswordHasher().encode(PASSWORD, "somesaltsomesalt")
    user.save()
    return user


def new_address() -> dict[str, str]:
    number = next(_numbers)
    return {"X_Forwarded_For": f"198.18.{number // 250}.{number % 250 + 1}"}


def at_once(calls: int, call: Callable[[int], Answer]) -> Counter[int]:
    """How many answers had each status."""
    with ThreadPoolExecutor(calls) as pool:
        return Counter(answer.status for answer in pool.map(call, range(calls)))


def test_200_requests_at_once_pass_as_many_as_the_burst(server):
    address = new_address()

    statuses = at_once(200, lambda _: server.request("GET", "/api/genres/", **address))

    assert statuses == {200: BURST, 429: 200 - BURST}


def test_100_guesses_at_once_pass_no_more_than_the_limit(server, ada):
    body = {"email": ada.email, "password": "wrong"}

    statuses = at_once(100, lambda _: server.request("POST", TOKEN, body, **new_address()))

    assert set(statuses) <= {401, 429, 503}
    assert 1 <= statuses[401] <= GUESS_LIMIT


def as_json(account: str, **fields: str) -> str:
    return json.dumps({"username": account, "password": "wrong"} | fields)


def as_form(email: str, *fields: tuple[str, str]) -> str:
    return urlencode([("grant_type", "password"), ("username", email), ("password", "wrong"), *fields])


WAYS: dict[str, Callable[[str], tuple[str, str]]] = {
    "plain": lambda email: (as_json(email), JSON),
    "padded": lambda email: (" " * 17_000 + as_json(email), JSON),
    "padded inside": lambda email: (as_json(email).replace(", ", "," + " " * 17_000), JSON),
    "padded form": lambda email: (as_form(email, ("more", "x" * 17_000)), FORM),
    "capitals": lambda email: (as_json(f" {email.upper()} "), JSON),
    "escaped": lambda email: (as_json(email).replace("username", "user\\u006eame"), JSON),
    "named twice": lambda email: (as_json(email, email=email), JSON),
    "key twice": lambda email: ('{"username": "bob@x.org", ' + as_json(email)[1:], JSON),
}


def guess(server: WebServer, body: str, content_type: str) -> int:
    """The status of a guess, sent again while the sign-ins of everybody are busy, which counts for no account."""
    while True:
        answer = server.request("POST", TOKEN, body.encode(), Content_Type=content_type, **new_address())
        if answer.status != 503:
            return answer.status
        time.sleep(0.2)


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS.keys())
def test_100_guesses_pass_no_more_than_the_limit(server, ada, way):
    body, content_type = way(ada.email)
    answers = [guess(server, body, content_type) for _ in range(GUESSES)]

    # OAuth2's error for a wrong password in a form is a 400.
    wrong = 400 if content_type == FORM else 401
    assert answers == [wrong] * GUESS_LIMIT + [429] * (GUESSES - GUESS_LIMIT)
    assert_blocked(server, ada)


def test_a_form_that_names_an_account_twice_is_no_guess(server, ada):
    for password in ("wrong", PASSWORD):
        form = as_form(ada.email).replace("wrong", password)
        answers = [
            server.request("POST", TOKEN, f"username=bob%40x.org&{form}".encode(), Content_Type=FORM, **new_address())
            for _ in range(GUESS_LIMIT + 1)
        ]
        assert {answer.json()["error"] for answer in answers} == {"invalid_request"}
    right = server.request("POST", TOKEN, {"email": ada.email, "password": PASSWORD}, **new_address())
    assert right.status == 200


@pytest.mark.parametrize("charset", ["cp037", "utf-7", "utf-16"])
@pytest.mark.parametrize("path", [TOKEN, ADMIN])
def test_100_guesses_that_cannot_be_read_are_all_refused(server, ada, charset, path):
    for write, content_type in ((as_json, JSON), (as_form, FORM)):
        body, headers = write(ada.email).encode(charset), {"Content_Type": f"{content_type}; charset={charset}"}
        answers = {server.request("POST", path, body, **headers, **new_address()).status for _ in range(GUESSES // 2)}
        assert answers == {415}


ADMIN_FIELDS = {
    "plain": [],
    "another email": [("email", "bob@x.org")],
    "the email": [("email", "ada@x.org")],
    "padded": [("more", "x" * 17_000)],
}


@pytest.mark.parametrize("fields", ADMIN_FIELDS.values(), ids=ADMIN_FIELDS.keys())
def test_100_guesses_in_the_admin_pass_no_more_than_the_limit(server, ada, fields):
    page = server.request("GET", ADMIN, **new_address())
    cookie = page.headers["Set-Cookie"].partition(";")[0]
    (token,) = re.findall(r'name="csrfmiddlewaretoken" value="(\w+)"', page.body.decode())
    body = as_form(ada.email, ("csrfmiddlewaretoken", token), *fields).encode()
    headers = {"Content_Type": FORM, "Cookie": cookie}

    answers = [server.request("POST", ADMIN, body, **headers, **new_address()) for _ in range(GUESSES)]

    assert [answer.status for answer in answers] == [200] * GUESS_LIMIT + [429] * (GUESSES - GUESS_LIMIT)
    assert answers[-1].headers["Content-Type"].startswith("text/html")
    assert b"Too many attempts" in answers[-1].body
    assert_blocked(server, ada)


def assert_blocked(server: WebServer, user: User) -> None:
    """Nobody new signs in, not even with the right password, and nobody did."""
    right = server.request("POST", TOKEN, {"email": user.email, "password": PASSWORD}, **new_address())
    assert error_of(right, 429)["code"] == "rate_limited"
    assert int(right.headers["Retry-After"]) >= 1
    user.refresh_from_db()
    assert user.last_login is None


def test_a_known_device_and_address_pass_while_strangers_guess(server, ada):
    home, right = new_address(), {"email": ada.email, "password": PASSWORD}
    first = server.request("POST", TOKEN, right, **home)
    assert first.status == 200
    cookie = first.headers["Set-Cookie"].partition(";")[0]
    for _ in range(GUESS_LIMIT + 1):
        last = server.request("POST", TOKEN, right | {"password": "wrong"}, **new_address())
    assert last.status == 429

    assert server.request("POST", TOKEN, right, **new_address()).status == 429
    assert server.request("POST", TOKEN, right, **home).status == 200
    assert server.request("POST", TOKEN, right, Cookie=cookie, **new_address()).status == 200


def test_readers_read_while_sign_ins_flood_the_server(server):
    readers = [new_address() for _ in range(5)]

    def ask(number: int) -> Answer:
        if number % 3 == 0:
            return server.request("GET", "/api/genres/", **readers[number // 3 % 5])
        body = {"email": f"nobody{number}@x.org", "password": "wrong"}
        return server.request("POST", TOKEN, body, **new_address())

    with ThreadPoolExecutor(60) as pool:
        answers = list(pool.map(ask, range(180)))

    assert {answer.status for answer in answers[::3]} == {200}
    sign_ins = [answer for number, answer in enumerate(answers) if number % 3]
    assert {answer.status for answer in sign_ins} <= {401, 503}
    assert any(answer.status == 401 for answer in sign_ins)
    assert all("Retry-After" in answer.headers for answer in sign_ins if answer.status == 503)
