"""Strangers' bodies and headers, over HTTP against the server that production runs."""

import http.client
import json
import re
from urllib.parse import urlsplit

import pytest

from tests.factories import PASSWORD, make_user
from tests.functional.web_server import WebServer, error_of, web_server

pytestmark = pytest.mark.django_db(transaction=True)
LIMIT = 4096
PATHS = [
    "/api/auth/token/",
    "/api/events/",
    "/api/recommendations/session/",
    "/api/nowhere/",
    "/admin/login/",
    "/admin/accounts/user/add/",
    "/nowhere/",
    "/",
    "/static/admin/css/base.css",
    "/health/live",
    "/metrics",
]
FORGED = {
    "SCRIPT_NAME": "/evil",
    "Script-Name": "/evil",
    "X-Script-Name": "/evil",
    "PATH_INFO": "/metrics",
    "Path-Info": "/metrics",
    "X-Forwarded-Prefix": "/evil",
    "X-Forwarded-Host": "evil.example.com",
    "X-Forwarded-Port": "666",
    "X-Forwarded-Proto": "https",
    "X-Forwarded-Protocol": "ssl",
    "X-Forwarded-Ssl": "on",
    "X-Forwarded-For": "10.9.8.7",
    "X-Real-IP": "10.9.8.7",
    "Forwarded": "for=10.9.8.7;host=evil.example.com;proto=https",
    "X-HTTP-Method-Override": "DELETE",
    "X-Original-URL": "/metrics",
    "X-Rewrite-URL": "/metrics",
    "REMOTE_USER": "root@example.org",
    "Remote-User": "root@example.org",
    "REMOTE_ADDR": "10.9.8.7",
    "Remote-Addr": "10.9.8.7",
}


@pytest.fixture(scope="module")
def server(tmp_path_factory, django_db_setup, django_db_blocker) -> WebServer:
    environment = {"MAX_BODY_BYTES": str(LIMIT), "RATELIMIT_ENABLE": "false", "WEB_CONCURRENCY": "1"}
    with django_db_blocker.unblock(), web_server(tmp_path_factory.mktemp("web"), **environment) as running:
        yield running


def ask(server: WebServer, method: str, path: str, headers: dict[str, str], body: bytes | None = None):
    """Header names are sent as they are. Returns status, headers and body."""
    connection = http.client.HTTPConnection(urlsplit(server.url).netloc, timeout=30)
    try:
        connection.request(method, path, body=body, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()
    finally:
        connection.close()


@pytest.mark.parametrize("path", PATHS)
def test_a_long_body_is_refused_on_every_path(server, path):
    for method in ("POST", "PUT", "PATCH", "DELETE", "GET"):
        answer = server.request(method, path, b"x" * (LIMIT + 1))

        assert answer.status == 413, method
        assert len(answer.body) < 1000


@pytest.mark.parametrize("path", PATHS)
def test_a_body_in_chunks_is_refused_on_every_path(server, path):
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        answer = server.request(method, path, b"{}", Transfer_Encoding="chunked")

        assert answer.status == 411, method


def test_an_announced_body_is_refused_before_it_is_sent(server):
    headers = {"Content-Length": "5000000000", "Content-Type": "application/json"}

    status, _, _ = ask(server, "POST", "/admin/login/", headers)

    assert status == 413


def test_a_file_counts_as_a_body_in_the_admin(server):
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    body = b'--x\r\nContent-Disposition: form-data; name="f"; filename="f"\r\n\r\n' + b"a" * LIMIT + b"\r\n--x--\r\n"

    status, _, _ = ask(server, "POST", "/admin/accounts/user/add/", headers, body)

    assert status == 413


def without_cursor(body: bytes) -> bytes:
    """A cursor holds the second in which it was made."""
    return re.sub(rb'"next_cursor":"[^"]*"', b"", body)


@pytest.mark.parametrize("header", FORGED)
def test_no_header_of_a_stranger_is_believed(server, header):
    plain = {
        path: ask(server, "GET", path, {}) for path in ("/", "/admin/", "/api/auth/me/", "/api/movies/", "/api/docs/")
    }

    for path, (status, headers, body) in plain.items():
        forged = ask(server, "GET", path, {header: FORGED[header]})

        assert forged[0] == status, path
        assert forged[1].get("Location") == headers.get("Location")
        assert "evil" not in f"{forged[1]} {forged[2]!r}"
        if b"request_id" not in body:
            assert without_cursor(forged[2]) == without_cursor(body)


def test_no_header_opens_the_metrics_or_another_method(server):
    assert ask(server, "GET", "/metrics", {})[0] == 200  # This machine may read them.
    for header in ("X-Real-IP", "X-Forwarded-For", "Forwarded", "Via", "X-Client-IP"):
        status, _, body = ask(server, "GET", "/metrics", {header: "127.0.0.1"})
        assert (status, b"recsys_http" in body) == (403, False), header


def test_a_forged_https_header_sets_no_secure_url(server):
    person = make_user()
    answer = server.request(
        "POST", "/api/auth/token/", {"email": person.email, "password": "wrong"}, X_Forwarded_Proto="https"
    )

    assert answer.status in (401, 503)
    status, headers, _ = ask(server, "GET", "/api/movies", {"X-Forwarded-Proto": "https", "Host": "localhost"})
    assert status == 308
    assert not headers["Location"].startswith("https")


def test_a_line_that_is_too_long_has_the_apis_error(server):
    assert error_of(server.request("GET", "/api/movies/?page=" + "1" * 9000), 414)["code"] == "uri_too_long"


def test_the_log_has_no_password_and_no_token(server):
    server.request("POST", "/api/auth/token/", {"email": "ada@example.org", "password": PASSWORD})
    server.request("GET", "/api/auth/me/", Authorization="Bearer a.secret.token")

    text = json.dumps(server.log_lines())
    assert PASSWORD not in text
    assert "a.secret.token" not in text
