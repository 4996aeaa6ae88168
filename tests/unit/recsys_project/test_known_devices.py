"""Guesses block those who guess, and nobody who has signed in to the account before."""

import json
from itertools import count
from unittest import mock

import pytest
from django.core.cache import caches
from django.core.signing import TimestampSigner
from django.test import Client

from accounts.hashers import HashingBusyError
from recsys_project import known_devices
from recsys_project.known_devices import COOKIE
from tests.factories import PASSWORD, make_user

pytestmark = pytest.mark.django_db
LIMIT, KNOWN_LIMIT, ADDRESS_LIMIT = 3, 5, 50
HOME = "192.0.2.1"
_addresses = count(1)


@pytest.fixture(autouse=True)
def _limited(settings):
    settings.RATELIMIT_ENABLE = True
    settings.RATE_LIMITS = {
        **{name: ["1000/m:1000"] for name in ("anonymous", "user", "page", "refresh", "register", "account")},
        "login_account": [f"{LIMIT}/d:{LIMIT}"],
        "login_known": [f"{KNOWN_LIMIT}/d:{KNOWN_LIMIT}"],
        "login_address": [f"{ADDRESS_LIMIT}/d:{ADDRESS_LIMIT}"],
        "login_total": ["1000/m:1000"],
    }
    caches["ratelimit"].delete_pattern("*")


@pytest.fixture
def ada():
    return make_user("ada@x.org", is_staff=True)


def new_address() -> str:
    return f"10.0.{next(_addresses) // 250}.{next(_addresses) % 250}"


def sign_in(client: Client, password: str = PASSWORD, email: str = "ada@x.org", address: str = ""):
    body = json.dumps({"email": email, "password": password})
    headers = {"REMOTE_ADDR": address or new_address()}
    return client.post("/api/auth/token/", body, content_type="application/json", **headers)


def block(email: str = "ada@x.org") -> None:
    """Strangers guess until the account refuses them."""
    answers = [sign_in(Client(), "wrong", email).status_code for _ in range(LIMIT + 2)]
    assert answers == [401] * LIMIT + [429] * 2


def test_right_passwords_are_not_counted(ada):
    assert [sign_in(Client()).status_code for _ in range(3 * LIMIT)] == [200] * (3 * LIMIT)


def test_a_right_password_does_not_forgive_wrong_ones(ada):
    answers = []
    for password in ("wrong", PASSWORD, "wrong", PASSWORD, "wrong", PASSWORD):
        answers.append(sign_in(Client(), password).status_code)

    assert answers == [401, 200, 401, 200, 401, 429]


def test_a_known_device_signs_in_while_others_are_blocked(ada):
    device = Client()
    assert sign_in(device).status_code == 200
    block()

    assert sign_in(device).status_code == 200
    assert sign_in(Client()).status_code == 429


def test_a_known_device_has_a_limit_of_its_own(ada):
    device = Client()
    sign_in(device)

    answers = [sign_in(device, "wrong").status_code for _ in range(KNOWN_LIMIT + 2)]

    assert answers == [401] * KNOWN_LIMIT + [429] * 2
    assert sign_in(Client(), "wrong").status_code == 401


def test_a_known_address_passes_while_others_are_blocked(ada):
    assert sign_in(Client(), address=HOME).status_code == 200
    block()

    assert sign_in(Client(), address=HOME).status_code == 200
    assert sign_in(Client()).status_code == 429


def test_an_address_where_guesses_failed_is_not_known(ada):
    sign_in(Client(), "wrong", address=HOME)
    block_answers = [sign_in(Client(), "wrong").status_code for _ in range(LIMIT)]

    assert block_answers == [401] * (LIMIT - 1) + [429]
    assert sign_in(Client(), address=HOME).status_code == 429


def test_the_address_of_one_account_is_not_known_to_another(ada):
    make_user("bob@x.org")
    sign_in(Client(), email="bob@x.org", address=HOME)
    block()

    assert sign_in(Client(), address=HOME).status_code == 429


def test_a_device_of_one_account_does_not_pass_for_another(ada):
    make_user("eve@x.org")
    device = Client()
    sign_in(device, email="eve@x.org")

    assert [sign_in(device, "wrong").status_code for _ in range(LIMIT + 1)] == [401] * LIMIT + [429]
    assert sign_in(Client()).status_code == 429


def test_a_device_of_another_account_counts_for_its_address(ada, settings):
    settings.RATE_LIMITS |= {"login_known": ["1000/d:1000"], "login_account": ["1000/d:1000"]}
    make_user("eve@x.org")
    device = Client()
    sign_in(device, email="eve@x.org")

    answers = [sign_in(device, "wrong", f"p{n}@x.org", HOME).status_code for n in range(ADDRESS_LIMIT + 1)]

    assert answers == [401] * ADDRESS_LIMIT + [429]


@pytest.mark.parametrize("forged", ["", "x", "a" * 32, "a" * 32 + ":1:x", "x" * 10_000, "\x00", "ü"])
def test_a_forged_cookie_makes_no_known_device(ada, forged):
    block()
    device = Client()
    device.cookies[COOKIE] = forged

    assert sign_in(device).status_code == 429


def test_a_cookie_signed_for_something_else_makes_none(ada):
    block()
    device = Client()
    device.cookies[COOKIE] = TimestampSigner(salt="another").sign(known_devices.account_digest("ada@x.org"))

    assert sign_in(device).status_code == 429


def test_an_old_cookie_makes_none(ada):
    device = Client()
    with mock.patch("time.time", return_value=1_000_000_000):
        cookie = TimestampSigner(salt=known_devices._SALT).sign(known_devices.account_digest("ada@x.org"))
    block()
    device.cookies[COOKIE] = cookie

    assert sign_in(device).status_code == 429


def test_the_cookie_names_nobody_and_is_closed_to_scripts(ada):
    right, wrong = sign_in(Client()), sign_in(Client(), "wrong")
    cookie = right.cookies[COOKIE]

    assert cookie["httponly"]
    assert cookie["samesite"] == "Strict"
    assert "ada" not in cookie.value
    assert COOKIE not in wrong.cookies


def test_redis_holds_no_account_and_no_address(ada):
    sign_in(Client(), address=HOME)
    sign_in(Client(), "wrong")
    keys = " ".join(caches["ratelimit"].keys("*"))

    assert keys
    assert "ada" not in keys
    assert HOME not in keys


def test_the_admin_knows_the_device_too(ada):
    device = Client()
    data = {"username": "ada@x.org", "password": PASSWORD}
    assert device.post("/admin/login/", data, REMOTE_ADDR=new_address()).status_code == 302
    block()

    assert device.post("/admin/login/", data, REMOTE_ADDR=new_address()).status_code == 302
    assert Client().post("/admin/login/", data, REMOTE_ADDR=new_address()).status_code == 429


def test_unknown_accounts_are_limited_as_known_ones_are():
    block("nobody@x.org")


def test_an_attempt_that_was_not_hashed_is_not_counted(ada):
    with mock.patch.object(type(ada), "check_password", side_effect=HashingBusyError):
        answers = [sign_in(Client()).status_code for _ in range(LIMIT + 2)]

    assert answers == [503] * (LIMIT + 2)
    assert sign_in(Client()).status_code == 200


def test_over_the_sites_total_strangers_wait_known_devices_pass(ada, settings):
    device = Client()
    sign_in(device)
    settings.RATE_LIMITS |= {"login_total": ["2/d:2"]}

    answers = [sign_in(Client(), "wrong", f"p{number}@x.org") for number in range(4)]

    assert [answer.status_code for answer in answers] == [401, 401, 503, 503]
    assert answers[-1].json()["error"]["code"] == "service_unavailable"
    assert int(answers[-1]["Retry-After"]) >= 1
    assert sign_in(device).status_code == 200


def test_registrations_have_a_total_of_their_own(ada, settings):
    settings.RATE_LIMITS |= {"login_total": ["2/d:2"]}

    answers = [
        Client().post("/api/auth/register/", "{}", content_type="application/json", REMOTE_ADDR=new_address())
        for _ in range(3)
    ]

    assert [answer.status_code for answer in answers] == [400, 400, 503]
    assert sign_in(Client()).status_code == 200


def test_strangers_guesses_do_not_stop_a_password_change(ada):
    client = Client()
    client.force_login(ada)
    block()
    new = "another long one"
    data = {"old_password": PASSWORD, "new_password1": new, "new_password2": new}

    assert client.post("/admin/password_change/", data).status_code == 302
    ada.refresh_from_db()
    assert ada.check_password(new)


def test_a_device_that_renews_its_tokens_stays_known(ada):
    tokens = sign_in(Client()).json()
    app = Client()
    for body, kind in (
        (json.dumps({"refresh": tokens["refresh"]}), "application/json"),
        ("grant_type=refresh_token&refresh_token={refresh}", "application/x-www-form-urlencoded"),
    ):
        path = "/api/auth/refresh/" if kind == "application/json" else "/api/auth/token/"
        answer = app.post(path, body.format(**tokens) if "{refresh}" in body else body, content_type=kind)
        assert answer.status_code == 200
        tokens = answer.json() | {"refresh": answer.json().get("refresh") or answer.json()["refresh_token"]}
        assert COOKIE in answer.cookies
        app.cookies = answer.cookies
    block()

    assert sign_in(app).status_code == 200
    assert sign_in(Client()).status_code == 429


def test_a_refused_renewal_makes_nothing_known(ada):
    app = Client()
    answer = app.post("/api/auth/refresh/", json.dumps({"refresh": "x"}), "application/json", REMOTE_ADDR=HOME)
    assert answer.status_code == 401
    block()

    assert COOKIE not in answer.cookies
    assert sign_in(app, address=HOME).status_code == 429
