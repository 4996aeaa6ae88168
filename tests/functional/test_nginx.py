"""The site behind nginx as deploy/nginx configures it, with TLS and the production settings."""

import json
import re
import socket
import ssl
import subprocess
import threading
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlencode

import pytest

from accounts.models import User
from tests.factories import PASSWORD
from tests.functional.nginx import NGINX, Nginx, ask, configure, needs_nginx, nginx
from tests.functional.web_server import free_port, web_server

pytestmark = [needs_nginx, pytest.mark.django_db(transaction=True)]
PRODUCTION = {
    "DJANGO_SETTINGS_MODULE": "recsys_project.settings.production",
    "SECRET_KEY": "behind-nginx-0123456789-abcdefghijklmnopqrstuvwxyz-ABCDEFGHIJKLMNOPQRSTUVWXYZ",
    "JWT_SIGNING_KEY": "behind-nginx-another-0123456789-abcdefghijklmnopqrstuvwxyz",
    "ALLOWED_HOSTS": "localhost",
    "TRUSTED_PROXIES": "1",
    "REGISTRATION": "immediate",
    "WEB_CONCURRENCY": "1",
    "WEB_THREADS": "2",
}


class Site:
    """nginx, and two web servers that can be stopped and started again."""

    def __init__(self, folder: Path) -> None:
        self.ports = (free_port(), free_port())
        self._folder = folder
        self._running: dict[int, ExitStack] = {}
        self.front: Nginx

    def start(self, port: int, **environment: str) -> None:
        folder = self._folder / f"web-{port}"
        folder.mkdir(exist_ok=True)
        self._running[port] = stack = ExitStack()
        stack.enter_context(web_server(folder, **PRODUCTION | {"PORT": str(port)} | environment))

    def stop(self, port: int) -> None:
        self._running.pop(port).close()

    def stop_all(self) -> None:
        for port in tuple(self._running):
            self.stop(port)

    def call(self, method: str, path: str, body: bytes | None = None, **headers: str):
        """Status, headers and body of an answer over TLS; header names have ``_`` for ``-``."""
        connection = self.front.connection()
        connection.request(method, path, body, {name.replace("_", "-"): text for name, text in headers.items()})
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        return answer.status, answer.headers, content

    def api(self, method: str, path: str, body: object = None, **headers: str):
        data = None if body is None else json.dumps(body).encode()
        return self.call(method, path, data, Content_Type="application/json", **headers)


@pytest.fixture(scope="module")
def site(tmp_path_factory, django_db_setup, django_db_blocker):
    folder = tmp_path_factory.mktemp("nginx")
    (folder / "static").mkdir()
    (folder / "static" / "site.css").write_text("body { margin: 0 }\n" * 100)
    running = Site(folder)
    with django_db_blocker.unblock(), nginx(folder, web_ports=running.ports) as running.front:
        try:
            for port in running.ports:
                running.start(port, RATELIMIT_ENABLE="false")
            yield running
        finally:
            running.stop_all()


def test_nginx_accepts_the_configuration(tmp_path):
    main = configure(tmp_path, web_ports=(8001, 8002), port=8443, plain_port=8080)

    done = subprocess.run(
        [NGINX, "-t", "-c", main, "-e", tmp_path / "error.log"], capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr
    assert "[warn]" not in done.stderr


def test_a_person_registers_signs_in_and_reads(site):
    email = "behind-nginx@example.org"
    try:
        made, _, _ = site.api("POST", "/api/auth/register/", {"email": email, "password": PASSWORD})
        form = urlencode({"grant_type": "password", "username": email, "password": PASSWORD}).encode()
        signed_in, _, body = site.call(
            "POST", "/api/auth/token/", form, Content_Type="application/x-www-form-urlencoded"
        )
        token = f"Bearer {json.loads(body)['access']}"
        read, headers, body = site.api("GET", "/api/auth/me/", Authorization=token)

        assert (made, signed_in, read) == (201, 200, 200)
        assert json.loads(body)["email"] == email
        assert "max-age=" in headers["Strict-Transport-Security"]
        assert headers["Cache-Control"] == "no-store"
    finally:
        User.objects.filter(email=email).delete()


def test_staff_sign_in_over_tls(site):
    email = "admin-behind-nginx@example.org"
    # Registered, because the tests hash passwords in a way that production refuses.
    site.api("POST", "/api/auth/register/", {"email": email, "password": PASSWORD})
    User.objects.filter(email=email).update(is_staff=True, is_superuser=True)
    try:
        status, headers, body = site.call("GET", "/admin/login/")
        cookie = headers["Set-Cookie"].partition(";")[0]
        token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', body.decode())[1]
        form = {"csrfmiddlewaretoken": token, "username": email, "password": PASSWORD}
        origin = f"https://localhost:{site.front.port}"
        signed_in, answer, _ = site.call(
            "POST",
            "/admin/login/?next=/admin/",
            urlencode(form).encode(),
            Content_Type="application/x-www-form-urlencoded",
            Cookie=cookie,
            Origin=origin,
        )

        assert (status, signed_in, answer["Location"]) == (200, 302, "/admin/")
        assert all("Secure" in one for one in answer.get_all("Set-Cookie"))
    finally:
        User.objects.filter(email=email).delete()


def test_plain_http_is_redirected(site):
    connection = site.front.plain_connection()
    connection.request("GET", "/api/movies/?page_size=2")
    answer = connection.getresponse()

    assert answer.status == 301
    assert answer.headers["Location"] == "https://localhost/api/movies/?page_size=2"


def test_another_name_gets_no_certificate(site):
    tls = ssl.create_default_context()
    tls.check_hostname, tls.verify_mode = False, ssl.CERT_NONE

    with (
        pytest.raises(ssl.SSLError),
        tls.wrap_socket(
            socket.create_connection(("localhost", site.front.port), timeout=10), server_hostname="other.example"
        ),
    ):
        pass


def test_metrics_are_not_passed_on(site):
    status, _, body = site.call("GET", "/metrics")

    assert status == 404
    assert b"django_" not in body


def test_static_files_come_from_nginx(site):
    status, headers, body = site.call("GET", "/static/site.css", Accept_Encoding="gzip")

    assert (status, headers["Content-Type"], headers["Content-Encoding"]) == (200, "text/css", "gzip")
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert len(body) < 500


def test_static_files_outside_the_folder_are_not_served(site):
    for path in ("/static/../privkey.pem", "/static/..%2fprivkey.pem", "/static../privkey.pem"):
        status, _, body = site.call("GET", path)
        assert status in {400, 404}
        assert b"PRIVATE KEY" not in body


def test_a_large_body_is_refused_by_the_application(site):
    status, headers, body = site.api("POST", "/api/auth/register/", "x" * (1024 * 1024 + 1))

    assert (status, headers["Content-Type"]) == (413, "application/json")
    assert json.loads(body)["error"]["request_id"] == headers["X-Request-ID"]


def test_no_request_fails_while_each_server_restarts(site):
    counts: Counter[str] = Counter()
    stop = threading.Event()

    def client(kept: bool) -> None:
        connection = site.front.connection()
        while not stop.is_set():
            counts[ask(connection, "/api/movies/?page_size=2")] += 1
            if not kept:
                connection.close()
        connection.close()

    threads = [threading.Thread(target=client, args=(kept,)) for kept in (True, False, True)]
    for thread in threads:
        thread.start()
    try:
        for port in site.ports:
            site.stop(port)
            site.start(port, RATELIMIT_ENABLE="false")
            time.sleep(0.2)
    finally:
        stop.set()
        for thread in threads:
            thread.join()

    assert counts["200"] > 100
    assert set(counts) == {"200"}


def test_without_a_web_server_the_api_answers_503(tmp_path):
    with nginx(tmp_path, web_ports=(free_port(), free_port())) as front:
        connection = front.connection()
        connection.request("GET", "/api/movies/")
        answer = connection.getresponse()
        error = json.loads(answer.read())["error"]

    assert (answer.status, answer.headers["Retry-After"], error["code"]) == (503, "5", "service_unavailable")
    assert set(error) == {"code", "message", "fields", "request_id"}
    assert error["request_id"] == answer.headers["X-Request-ID"]
