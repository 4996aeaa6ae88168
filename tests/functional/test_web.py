"""What holds for every request, over HTTP against the server that production runs."""

import json

import pytest
from django.core.cache import caches

from accounts.models import User
from tests.factories import PASSWORD
from tests.functional.web_server import WebServer, error_of, web_server

pytestmark = pytest.mark.django_db(transaction=True)
METRICS_TOKEN = "a-token-of-the-test"


@pytest.fixture(scope="module")
def server(tmp_path_factory, django_db_setup, django_db_blocker) -> WebServer:
    """Behind one proxy that is trusted, with small rates."""
    caches["ratelimit"].delete_pattern("*")
    environment = {
        "TRUSTED_PROXIES": "1",
        "METRICS_TOKEN": METRICS_TOKEN,
        "MAX_BODY_BYTES": "4096",
        "RATE_LIMIT_ANONYMOUS": "100/s,20/h",
        "RATE_LIMIT_LOGIN_ACCOUNT": "3/h",
    }
    with django_db_blocker.unblock(), web_server(tmp_path_factory.mktemp("web"), **environment) as running:
        yield running


@pytest.fixture(scope="module")
def server_without_redis(tmp_path_factory, django_db_setup, django_db_blocker) -> WebServer:
    environment = {"REDIS_URL": "redis://127.0.0.1:1/0", "WEB_CONCURRENCY": "1"}
    with django_db_blocker.unblock(), web_server(tmp_path_factory.mktemp("web"), **environment) as running:
        yield running


@pytest.fixture(scope="module")
def server_without_database(tmp_path_factory) -> WebServer:
    environment = {
        "DATABASE_URL": "postgresql://nobody@127.0.0.1:1/nothing",
        "DATABASE_POOL_TIMEOUT": "1",
        "WEB_CONCURRENCY": "1",
    }
    with web_server(tmp_path_factory.mktemp("web"), **environment) as running:
        yield running


def test_errors_have_one_shape(server):
    address = {"X_Forwarded_For": "192.0.2.1"}
    post = ("POST", "/api/auth/register/")

    assert error_of(server.request("GET", "/api/nowhere/", **address), 404)["code"] == "not_found"
    assert error_of(server.request("GET", "/api/movies/999999999999999999999999/", **address), 404)
    assert error_of(server.request("PUT", "/api/auth/me/", {}, **address), 401)["code"] == "not_authenticated"
    assert error_of(server.request("DELETE", "/api/auth/token/", **address), 405)["code"] == "method_not_allowed"
    text = server.request(*post, b"x", Content_Type="text/plain", **address)
    assert error_of(text, 415)["code"] == "unsupported_media_type"
    assert error_of(server.request(*post, b'{"email"', **address), 400)["code"] == "parse_error"
    assert error_of(server.request(*post, b"[" * 3000, **address), 400)["code"] == "parse_error"
    assert error_of(server.request(*post, b" " * 5000, **address), 413)["code"] == "payload_too_large"
    assert list(error_of(server.request(*post, {"email": "x\x00"}, **address), 400)["fields"]) == ["email", "password"]


def test_the_request_id_is_kept_or_made_and_logged(server):
    kept = server.request("GET", "/health/live", X_Request_ID="from-the-client")
    made = server.request("GET", "/health/live", X_Request_ID="not a valid id")

    assert kept.headers["X-Request-ID"] == "from-the-client"
    assert made.headers["X-Request-ID"] not in ("not a valid id", "")
    lines = {line.get("request_id"): line for line in server.log_lines()}
    for answer in (kept, made):
        line = lines[answer.headers["X-Request-ID"]]
        assert (line["method"], line["route"], line["status"]) == ("GET", "health/live", 200)
        assert line["duration_ms"] > 0


def test_request_21_is_429_and_other_addresses_are_not_limited(server):
    answers = [server.request("GET", "/api/auth/me/", X_Forwarded_For="192.0.2.2") for _ in range(21)]

    assert [answer.status for answer in answers] == [401] * 20 + [429]
    assert error_of(answers[-1], 429)["code"] == "rate_limited"
    assert 1 <= int(answers[-1].headers["Retry-After"]) <= 3600
    assert server.request("GET", "/api/auth/me/", X_Forwarded_For="192.0.2.3").status == 401


def test_a_client_cannot_choose_its_address(server):
    forged = [f"203.0.113.{number}, 192.0.2.4" for number in range(21)]
    answers = [server.request("GET", "/api/auth/me/", X_Forwarded_For=chain) for chain in forged]

    assert [answer.status for answer in answers] == [401] * 20 + [429]


def test_password_guesses_from_many_addresses_are_limited(server):
    answers = [
        server.request(
            "POST",
            "/api/auth/token/",
            {"email": "held@example.org", "password": f"guess {number}"},
            X_Forwarded_For=f"198.51.100.{number}",
        )
        for number in range(4)
    ]

    assert [answer.status for answer in answers] == [401, 401, 401, 429]
    other = {"email": "another@example.org", "password": "guess"}
    assert server.request("POST", "/api/auth/token/", other, X_Forwarded_For="198.51.100.9").status == 401


def test_a_person_registers_signs_in_renews_and_reads_themselves(server):
    address = {"X_Forwarded_For": "192.0.2.5"}
    account = {"email": "Ada.Of.Web@Example.org", "password": "a long enough one"}

    assert server.request("POST", "/api/auth/register/", account, **address).status == 201
    form = b"grant_type=password&username=ada.of.web%40example.org&password=a+long+enough+one"
    tokens = server.request(
        "POST", "/api/auth/token/", form, Content_Type="application/x-www-form-urlencoded", **address
    ).json()
    renewed = server.request("POST", "/api/auth/refresh/", {"refresh": tokens["refresh_token"]}, **address).json()
    me = server.request("GET", "/api/auth/me/", Authorization=f"Bearer {renewed['access']}", **address)

    assert me.json()["email"] == "ada.of.web@example.org"
    lost = server.request("POST", "/api/auth/refresh/", {"refresh": tokens["refresh_token"]}, **address)
    assert lost.json() == renewed
    server.request("POST", "/api/auth/refresh/", {"refresh": renewed["refresh"]}, **address)
    replay = server.request("POST", "/api/auth/refresh/", {"refresh": tokens["refresh_token"]}, **address)
    assert error_of(replay, 401)["code"] == "token_not_valid"


def test_a_deleted_persons_refresh_is_401(server):
    address = {"X_Forwarded_For": "192.0.2.6"}
    account = {"email": "leaving@example.org", "password": PASSWORD}
    refresh = server.request("POST", "/api/auth/register/", account, **address).json()["refresh"]
    User.objects.get(email="leaving@example.org").delete()

    assert error_of(server.request("POST", "/api/auth/refresh/", {"refresh": refresh}, **address), 401)


def test_metrics_need_the_token_and_count_all_processes(server):
    assert error_of(server.request("GET", "/metrics"), 401)
    for _ in range(8):
        server.request("GET", "/api/movies/", X_Forwarded_For="192.0.2.7")

    metrics = server.request("GET", "/metrics", Authorization=f"Bearer {METRICS_TOKEN}")

    assert metrics.status == 200
    (count,) = [
        float(line.rpartition(" ")[2])
        for line in metrics.body.decode().splitlines()
        if line.startswith('recsys_http_requests_total{route="movies:list",status="2xx"}')
    ]
    assert count >= 8


def test_without_redis_reads_work_and_sign_ins_wait(server_without_redis):
    server = server_without_redis
    assert server.request("GET", "/health/live").status == 200
    assert server.request("GET", "/api/schema/").status == 200
    assert server.request("GET", "/api/movies/").status == 200
    assert error_of(server.request("GET", "/api/auth/me/"), 401)
    sign_in = server.request("POST", "/api/auth/token/", {"email": "ada@example.org", "password": PASSWORD})
    assert error_of(sign_in, 503)["code"] == "service_unavailable"
    assert int(sign_in.headers["Retry-After"]) >= 1
    ready = server.request("GET", "/health/ready")
    assert error_of(ready, 503)["fields"] == {"redis": ["unreachable"]}


def test_without_the_database_requests_are_503_with_retry_after(server_without_database):
    server = server_without_database

    assert server.request("GET", "/health/live").status == 200
    movies = server.request("GET", "/api/movies/")
    assert error_of(movies, 503)["code"] == "service_unavailable"
    assert int(movies.headers["Retry-After"]) >= 1
    assert "127.0.0.1" not in movies.body.decode()
    assert server.request("GET", "/metrics", Authorization=f"Bearer {METRICS_TOKEN}").status == 200
    assert set(error_of(server.request("GET", "/health/ready"), 503)["fields"]) == {"database", "migrations"}


def test_every_line_of_the_log_is_json(server):
    lines = server.log_lines()

    assert lines
    assert all({"event", "level", "timestamp"} <= set(line) for line in lines)
    assert METRICS_TOKEN not in json.dumps(lines)
