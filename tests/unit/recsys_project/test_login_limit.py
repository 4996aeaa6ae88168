"""Guesses at one account's password: whatever their form, they count for the account that they find."""

import json
from itertools import count
from urllib.parse import urlencode

import pytest
from django.core.cache import caches
from django.test import Client
from prometheus_client import REGISTRY

from tests.factories import PASSWORD, make_user

pytestmark = pytest.mark.django_db
JSON, FORM = "application/json", "application/x-www-form-urlencoded"
LIMIT = 2
_addresses = count(1)


@pytest.fixture(autouse=True)
def _limited(settings):
    settings.RATELIMIT_ENABLE = True
    settings.RATE_LIMITS = {
        **{key: ["1000/m:1000"] for key in ("anonymous", "user", "page", "login_address", "login_total")},
        "login_account": [f"{LIMIT}/d:{LIMIT}"],
        "login_known": [f"{LIMIT}/d:{LIMIT}"],
    }
    caches["ratelimit"].delete_pattern("*")


@pytest.fixture
def ada():
    return make_user("ada@x.org", is_staff=True)


def guess(body, content_type=JSON, path="/api/auth/token/"):
    """One try, from an address of its own."""
    return Client(REMOTE_ADDR=f"10.0.0.{next(_addresses) % 250}").generic("POST", path, body, content_type)


def in_json(**fields) -> str:
    return json.dumps({"username": "ada@x.org", "password": "wrong"} | fields)


def in_form(*fields: tuple[str, str]) -> str:
    return urlencode([("grant_type", "password"), ("username", "ada@x.org"), ("password", "wrong"), *fields])


TRIES = {
    "padded": (" " * 17_000 + in_json(), JSON),
    "padded inside": (in_json().replace(", ", "," + " " * 17_000), JSON),
    "padded form": (in_form(("more", "x" * 17_000)), FORM),
    "spelt in capitals": (in_json(username=" ADA@X.org "), JSON),
    "escaped": ('{"user\\u006eame": "\\u0061da@x.org", "password": "wrong"}', JSON),
    "by email": ('{"email": "ada@x.org", "password": "wrong"}', JSON),
    "by both": (in_json(email="ada@x.org"), JSON),
    "key twice": ('{"username": "bob@x.org", "username": "ada@x.org", "password": "wrong"}', JSON),
    "in a form": (in_form(), FORM),
    "named charset": (in_json(), JSON + '; charset="UTF-8"'),
    "other case of type": (in_json(), "Application/JSON"),
}


@pytest.mark.parametrize("body", TRIES.values(), ids=TRIES.keys())
def test_a_guess_counts_for_the_account_it_opens(ada, body):
    answers = [guess(*body).status_code for _ in range(LIMIT + 3)]

    assert answers == [400 if body[1] == FORM else 401] * LIMIT + [429] * 3
    right = guess(in_json(password=PASSWORD))
    assert right.status_code == 429
    assert right.json()["error"]["code"] == "rate_limited"
    assert 1 <= int(right["Retry-After"]) <= 43_200
    assert guess(in_json(username="bob@x.org")).status_code == 401
    ada.refresh_from_db()
    assert ada.last_login is None


@pytest.mark.parametrize("charset", ["cp037", "utf-7", "utf-16", "utf-8-sig", "latin-1", "rot13", "zip", "no-such", ""])
@pytest.mark.parametrize("path", ["/api/auth/token/", "/admin/login/"])
def test_a_body_in_another_charset_is_refused_unread(ada, charset, path):
    codec = charset if charset in ("cp037", "utf-7", "utf-16") else "utf-8"

    for text, content_type in ((in_json(password=PASSWORD), JSON), (in_form(), FORM)):
        answer = guess(text.encode(codec), f"{content_type}; charset={charset}", path)
        assert answer.status_code == 415
        assert b"UTF-8" in answer.content
        assert guess(text.encode(codec), f"{content_type}; Charset*=utf-8''{charset}", path).status_code == 415
    ada.refresh_from_db()
    assert ada.last_login is None


def test_an_account_named_twice_in_two_ways_is_an_error(ada):
    for body in (
        in_json(email="bob@x.org"),
        in_json(email=""),
        in_json(email=["ada@x.org"]),
        in_json(username={"a": 1}),
    ):
        answer = guess(body)
        assert answer.status_code == 400
        assert set(answer.json()["error"]["fields"]) <= {"username", "email"}
    assert guess("username=bob%40x.org&" + in_form(), FORM).json()["error"] == "invalid_request"


ADMIN_TRIES = {
    "as meant": [],
    "other email": [("email", "bob@x.org")],
    "field twice": [("username", "bob@x.org"), ("username", "ada@x.org")],
    "in capitals": [("username", "ADA@X.ORG ")],
    "in wide letters": [("username", "\uff41\uff44\uff41@x.org")],
    "padded": [("more", "x" * 17_000)],
}


@pytest.mark.parametrize("fields", ADMIN_TRIES.values(), ids=ADMIN_TRIES.keys())
def test_the_admin_counts_the_account_it_looks_up(ada, fields):
    answers = [guess(in_form(*fields), FORM, "/admin/login/") for _ in range(LIMIT + 2)]

    assert [answer.status_code for answer in answers] == [200] * LIMIT + [429] * 2
    page = answers[-1]
    assert page["Content-Type"].startswith("text/html")
    assert "Too many attempts" in page.content.decode()
    assert 1 <= int(page["Retry-After"]) <= 43_200
    assert guess(in_json(password=PASSWORD)).status_code == 429  # The API's limit is the same one.


def test_the_admins_login_still_opens_it(ada):
    client = Client()

    answer = client.post("/admin/login/?next=/admin/", {"username": "ada@x.org", "password": PASSWORD})

    assert answer.status_code == 302
    assert client.get("/admin/").status_code == 200


def test_a_page_says_that_an_address_is_over_its_rate(ada, settings):
    settings.RATE_LIMITS = settings.RATE_LIMITS | {"login_address": ["1/d:1"]}

    answers = [Client().post("/admin/login/", {"username": f"{n}@x.org", "password": "wrong"}) for n in range(2)]

    assert [answer.status_code for answer in answers] == [200, 429]
    assert "Too many attempts" in answers[1].content.decode()


def test_guesses_at_the_old_password_count_too(ada):
    client = Client()
    client.force_login(ada)
    data = {"old_password": "wrong", "new_password1": "another long one", "new_password2": "another long one"}

    answers = [client.post("/admin/password_change/", data).status_code for _ in range(LIMIT + 1)]

    assert answers == [200] * LIMIT + [429]
    assert client.post("/admin/password_change/", data | {"old_password": PASSWORD}).status_code == 429
    ada.refresh_from_db()
    assert ada.check_password(PASSWORD)


def test_with_redis_away_nobody_guesses_in_the_admin(ada, settings):
    settings.CACHES = {
        alias: {**config, "LOCATION": "redis://127.0.0.1:1/0"} for alias, config in settings.CACHES.items()
    }
    answer = guess(in_form(), FORM, "/admin/login/")

    assert answer.status_code == 503
    assert answer["Content-Type"].startswith("text/html")
    assert int(answer["Retry-After"]) >= 1
    assert guess(in_json(password=PASSWORD)).status_code == 503


def test_refused_sign_ins_are_counted_by_reason(ada):
    def counted() -> list[float]:
        samples = [
            ("recsys_logins_refused_total", {"reason": "credentials"}),
            ("recsys_logins_refused_total", {"reason": "limit"}),
            ("recsys_rate_limit_refusals_total", {"limit": "login_account"}),
        ]
        return [REGISTRY.get_sample_value(name, labels) or 0.0 for name, labels in samples]

    before = counted()

    statuses = [guess(in_json()).status_code for _ in range(LIMIT + 2)]

    assert statuses == [401] * LIMIT + [429] * 2
    assert [new - old for new, old in zip(counted(), before, strict=True)] == [LIMIT, 2, 2]
