"""Rate limits: who is counted, what is refused, what happens with Redis away."""

import contextlib
import json
import time
from types import SimpleNamespace

import pytest
from django.core.cache import caches
from django.test import Client, RequestFactory
from django_ratelimit import core

from recsys_project import probes, ratelimits
from recsys_project.client_address import client_address, client_network
from recsys_project.exceptions import LimitExceededError
from recsys_project.ratelimits import check_rates, count
from tests.factories import PASSWORD, client_of, make_user

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.unit.recsys_project.urls_that_fail")]
# They refill so slowly that nothing comes back within a test.
RATES = {
    "anonymous": ["3/d:3"],
    "user": ["4/d:4"],
    "page": ["3/d:3"],
    "probe": ["8/d:8"],
    "login_address": ["6/d:6"],
    "login_account": ["2/d:2"],
    "login_known": ["3/d:3"],
    "login_total": ["9/d:9"],
    "refresh": ["2/d:2"],
    "register": ["2/d:2"],
    "account": ["2/d:2"],
    "group": ["2/m"],
    "export": ["2/h"],
    "client": ["50/d:50"],
    "group_address": ["3/m"],
}


@pytest.fixture(autouse=True)
def _limited(settings, monkeypatch):
    now = time.time()  # Stands still, so that no window ends within a test.
    monkeypatch.setattr(core, "time", SimpleNamespace(time=lambda: now))
    settings.RATELIMIT_ENABLE = True
    settings.RATE_LIMITS = RATES
    caches["ratelimit"].delete_pattern("*")
    probes._limit.clear()


@pytest.fixture
def without_redis(settings):
    settings.CACHES = {
        alias: {**config, "LOCATION": "redis://127.0.0.1:1/0"} for alias, config in settings.CACHES.items()
    }


def statuses(client, count: int, **headers) -> list[int]:
    return [client.get("/api/fine/", **headers).status_code for _ in range(count)]


def sign_in(email: str, address: str = "10.0.0.1", **headers) -> int:
    body = json.dumps({"email": email, "password": "wrong"})
    client = Client(REMOTE_ADDR=address)
    return client.post("/api/auth/token/", body, content_type="application/json", **headers).status_code


def test_over_the_rate_is_429_as_an_error_with_retry_after():
    client = Client()

    assert statuses(client, 4) == [200, 200, 200, 429]
    response = client.get("/api/fine/")
    assert response.json()["error"]["code"] == "rate_limited"
    assert response.json()["error"]["request_id"] == response["X-Request-ID"]
    assert 28_000 < int(response["Retry-After"]) <= 28_800


def test_headers_say_what_is_left_of_a_bucket(settings):
    settings.RATE_LIMITS = RATES | {"anonymous": ["300/h:2"]}
    client = Client()
    first, second, third = (client.get("/api/fine/") for _ in range(3))

    assert [answer.status_code for answer in (first, second, third)] == [200, 200, 429]
    assert {answer["RateLimit-Policy"] for answer in (first, second, third)} == {'"anonymous";q=2;w=24'}
    assert first["RateLimit"] == '"anonymous";r=1;t=12'
    assert second["RateLimit"] == '"anonymous";r=0;t=24'
    assert third["RateLimit"] == '"anonymous";r=0;t=24'
    assert 11 <= int(third["Retry-After"]) <= 12


def test_headers_name_the_windows_of_a_limit_too(settings):
    settings.RATE_LIMITS = RATES | {"anonymous": ["100/m:100", "5/h", "9/d"]}

    answer = Client().get("/api/fine/")

    assert answer["RateLimit-Policy"] == '"anonymous-60s";q=100;w=60, "anonymous-3600s";q=5;w=3600, ' + (
        '"anonymous-86400s";q=9;w=86400'
    )
    assert [part.partition(";t=")[0] for part in answer["RateLimit"].split(", ")] == [
        '"anonymous-60s";r=99',
        '"anonymous-3600s";r=4',
        '"anonymous-86400s";r=8',
    ]


def test_a_window_of_django_ratelimit_still_holds(settings):
    settings.RATE_LIMITS = RATES | {"anonymous": ["100/m:100", "2/5s"]}
    client = Client()

    assert statuses(client, 2) == [200, 200]
    response = client.get("/api/fine/")

    assert response.status_code == 429
    assert 1 <= int(response["Retry-After"]) <= 5


def test_a_key_may_bring_rates_of_its_own():
    def passed(key: str, *rates: str) -> int:
        done = 0
        with contextlib.suppress(LimitExceededError):
            for _ in range(20):
                count("user", key, closed=False, rates=rates)
                done += 1
        return done

    assert passed("key 1", "7/d:7") == 7
    assert passed("key 2", "5/d") == 5
    assert passed("key 3") == 4


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/api/schema/", 3),
        ("/api/docs/", 3),
        ("/", 3),
        ("/admin/", 3),
        ("/admin/login/", 3),
        ("/api/nowhere/", 3),
        ("/nowhere/", 3),
        ("/health/live", 8),
        ("/health/ready", 8),
        ("/metrics", 8),
    ],
)
def test_every_address_has_a_limit(path, allowed):
    client = Client()
    answers = [client.get(path) for _ in range(allowed + 2)]

    assert 429 not in {answer.status_code for answer in answers[:allowed]}
    assert [answer.status_code for answer in answers[allowed:]] == [429] * 2
    kind = "application/json" if path.startswith(("/api", "/health", "/metrics")) else "text/html"
    assert answers[-1]["Content-Type"].startswith(kind)
    assert int(answers[-1]["Retry-After"]) >= 1


@pytest.mark.parametrize(
    ("method", "path", "scope"),
    [
        ("POST", "/api/auth/token/", "login"),
        ("GET", "/api/auth/token/", "api"),
        ("POST", "/admin/login/", "login"),
        ("POST", "/admin/password_change/", "password"),
        ("POST", "/api/auth/password/", "password"),
        ("POST", "/api/auth/password/reset/", "register"),
        ("DELETE", "/api/auth/me/", "password"),
        ("PATCH", "/api/auth/me/", "api"),
        ("GET", "/api/auth/me/export/", "export"),
        ("HEAD", "/api/auth/me/export/", "export"),
        ("POST", "/api/auth/logout/", "api"),
        ("POST", "/api/auth/anything/", "account"),
        ("POST", "/api/recommendations/group/", "group"),
        ("GET", "/api/docs/", "api"),
        ("POST", "/anything/", "page"),
    ],
)
def test_the_scope_of_a_request(rf, method, path, scope):
    assert ratelimits._scope(rf.generic(method, path)) == scope


def test_who_gives_a_password_is_counted_not_the_address():
    user = make_user()
    request = client_of(user).get("/api/fine/", REMOTE_ADDR="10.0.0.1").wsgi_request

    assert ratelimits._counters(request, "password") == [ratelimits.Counter("login_known", f"session {user.pk}")]


def test_a_form_without_its_csrf_token_is_counted():
    client = Client(enforce_csrf_checks=True)
    answers = [client.post("/admin/login/", {"username": "a", "password": "b"}).status_code for _ in range(7)]

    assert answers == [403] * 6 + [429]


def test_probes_of_one_address_do_not_use_up_anothers():
    for _ in range(9):
        last = Client(REMOTE_ADDR="10.0.0.1").get("/health/live").status_code

    assert last == 429
    assert Client(REMOTE_ADDR="10.0.0.2").get("/health/live").status_code == 200


def test_nobody_uses_up_the_scrapes_of_the_tokens_holder(settings):
    settings.METRICS_TOKEN = "a-long-random-token"
    holder = {"HTTP_AUTHORIZATION": "Bearer a-long-random-token"}

    guessed = [Client().get("/metrics", HTTP_AUTHORIZATION="Bearer wrong").status_code for _ in range(9)]

    assert guessed == [401] * 8 + [429]
    assert [Client().get("/metrics", **holder).status_code for _ in range(9)] == [200] * 9
    assert Client().get("/health/live", **holder).status_code == 429


def test_people_are_counted_each_by_themselves_wherever_they_are():
    ada, bob = client_of(make_user()), client_of(make_user())

    assert statuses(ada, 3, REMOTE_ADDR="10.0.0.1") == [200] * 3
    assert statuses(ada, 2, REMOTE_ADDR="10.0.0.2") == [200, 429]
    assert statuses(bob, 4, REMOTE_ADDR="10.0.0.1") == [200] * 4


def test_a_token_that_is_not_valid_counts_as_its_address():
    headers = [{"HTTP_AUTHORIZATION": f"Bearer forged.{number}.x"} for number in range(4)]

    assert [Client().get("/api/fine/", **header).status_code for header in headers] == [200, 200, 200, 429]


def test_a_forged_forwarded_address_changes_nothing():
    forged = [{"HTTP_X_FORWARDED_FOR": f"10.9.9.{number}"} for number in range(4)]

    assert [Client().get("/api/fine/", **header).status_code for header in forged] == [200, 200, 200, 429]


def test_sign_ins_to_one_account_are_limited_across_addresses():
    make_user("ada@x.org")

    assert sign_in("ada@x.org", "10.0.0.1") == 401
    assert sign_in("ADA@x.org ", "10.0.0.2") == 401
    assert sign_in("Ada@x.org", "10.0.0.3") == 429
    assert sign_in("bob@x.org", "10.0.0.3") == 401


def test_the_form_and_json_count_for_the_same_account():
    make_user("ada@x.org")
    form = {
        "data": "grant_type=password&username=ada%40x.org&password=wrong",
        "content_type": "application/x-www-form-urlencoded",
    }

    assert [Client().post("/api/auth/token/", **form).status_code for _ in range(2)] == [400, 400]
    assert sign_in("ada@x.org", "10.0.0.2") == 429


def test_sign_ins_to_many_accounts_are_held_from_one_address():
    assert [sign_in(f"person{number}@x.org") for number in range(7)] == [401] * 6 + [429]


def test_an_address_over_its_rate_does_not_use_up_an_accounts():
    for number in range(6):
        sign_in(f"person{number}@x.org", "10.0.0.1")
    for _ in range(5):
        assert sign_in("ada@x.org", "10.0.0.1") == 429

    assert sign_in("ada@x.org", "10.0.0.2") == 401


def test_signing_in_to_the_admin_is_held_too():
    make_user("root@x.org", is_staff=True)
    data = {"username": "root@x.org", "password": "wrong"}

    assert [Client().post("/admin/login/", data).status_code for _ in range(3)] == [200, 200, 429]


def group_lists(person, count: int, **headers) -> list[int]:
    body = {"members": ["nobody@x.org"]}
    answers = [
        person.post("/api/recommendations/group/", body, format="json", **headers).status_code for _ in range(count)
    ]
    # What else the person asks for has rates of its own.
    assert person.get("/api/fine/", **headers).status_code == 200
    return answers


def test_lists_for_groups_are_few_for_a_person_and_an_address():
    ada, bob = client_of(make_user()), client_of(make_user())

    assert group_lists(ada, 3, REMOTE_ADDR="10.0.0.1") == [400, 400, 429]
    assert group_lists(bob, 1, REMOTE_ADDR="10.0.0.1") == [429]
    assert group_lists(bob, 1, REMOTE_ADDR="10.0.0.2") == [400]


def test_registering_and_refreshing_have_rates_of_their_own():
    for path in ("register", "refresh"):
        posts = [Client().post(f"/api/auth/{path}/", "{}", content_type="application/json") for _ in range(3)]
        assert [response.status_code for response in posts] == [400, 400, 429]
    assert statuses(Client(), 1) == [200]


@pytest.mark.parametrize(
    "body",
    [rb'{"email": "\ud800", "password": "x"}', b"[]", b"[" * 9000, b"{", b"\xff", b'{"email": [1], "password": 2}'],
)
def test_a_sign_in_that_names_no_account_is_the_clients_error(body):
    for content_type in ("application/json", "application/x-www-form-urlencoded"):
        assert Client().post("/api/auth/token/", body, content_type=content_type).status_code == 400


def test_rates_that_do_not_read_as_rates_fail_the_system_check(settings):
    assert check_rates(None) == []

    settings.RATE_LIMITS = {"anonymous": ["50/5s", "many", "3/m:5"], "user": ["10/0s", "5/m:0", "0/m:5"]}

    assert [error.msg for error in check_rates(None)] == [
        "RATE_LIMIT_ANONYMOUS: 'many' is not a rate like 300/m:50 or 30/h.",
        "RATE_LIMIT_USER: '10/0s' is not a rate like 300/m:50 or 30/h.",
        "RATE_LIMIT_USER: '5/m:0' is not a rate like 300/m:50 or 30/h.",
        "RATE_LIMIT_USER: '0/m:5' is not a rate like 300/m:50 or 30/h.",
    ]


@pytest.mark.usefixtures("without_redis")
def test_with_redis_away_reads_pass_and_sign_ins_wait():
    user = make_user("ada@x.org")

    assert statuses(Client(), 5) == [200] * 5
    assert client_of(user).get("/api/auth/me/").status_code == 200
    for path in ("token", "refresh", "register"):
        data = json.dumps({"email": "ada@x.org", "password": PASSWORD})
        response = Client().post(f"/api/auth/{path}/", data, content_type="application/json")
        assert response.status_code == 503
        assert response.json()["error"]["code"] == "service_unavailable"
        assert int(response["Retry-After"]) >= 1


def test_the_switch_turns_all_of_it_off(settings):
    settings.RATELIMIT_ENABLE = False

    assert statuses(Client(), 10) == [200] * 10


@pytest.mark.parametrize(
    ("proxies", "direct", "forwarded", "expected"),
    [
        (0, "10.0.0.1", "1.2.3.4", "10.0.0.1"),
        (1, "10.0.0.1", "1.2.3.4", "1.2.3.4"),
        (1, "10.0.0.1", "6.6.6.6, 1.2.3.4", "1.2.3.4"),
        (2, "10.0.0.1", "6.6.6.6, 1.2.3.4, 10.0.0.2", "1.2.3.4"),
        (2, "10.0.0.1", "6.6.6.6", "10.0.0.1"),
        (1, "10.0.0.1", "", "10.0.0.1"),
        (1, "10.0.0.1", "nonsense", "10.0.0.1"),
        (1, "10.0.0.1", "1.2.3.4:5678", "1.2.3.4"),
        (1, "10.0.0.1", "[2001:db8::1]:5678", "2001:db8::1"),
        (0, "::ffff:1.2.3.4", "", "1.2.3.4"),
        (1, "", "1.2.3.4", "1.2.3.4"),
        (0, "", "1.2.3.4", "None"),
    ],
)
def test_the_clients_address_behind_n_proxies(settings, proxies, direct, forwarded, expected):
    settings.TRUSTED_PROXIES = proxies
    request = RequestFactory().get("/", REMOTE_ADDR=direct, HTTP_X_FORWARDED_FOR=forwarded)

    assert str(client_address(request)) == expected


def test_one_ipv6_client_is_a_network():
    first, second, other = (
        client_network(RequestFactory().get("/", REMOTE_ADDR=address))
        for address in ("2001:db8::1", "2001:db8::ffff", "2001:db8:0:1::1")
    )

    assert first == second != other
