"""The admin's sign-in with a code of an authenticator app, in a real browser and with two requests at once."""

import re
from http.client import HTTPConnection
from urllib.parse import urlencode, urlsplit

import pytest
from django.conf import settings
from django.core.management import call_command
from django.test import override_settings
from django_otp.oath import totp
from django_otp.plugins.otp_totp.models import TOTPDevice

from accounts.totp import recovery_codes_create, totp_enrol
from tests.factories import PASSWORD, make_user
from tests.functional.browser import CHROMIUM, browser
from tests.functional.cinema import at_once
from tests.functional.web_server import WebServer, web_server

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(scope="module")
def server(tmp_path_factory, django_db_setup, django_db_blocker) -> WebServer:
    folder = tmp_path_factory.mktemp("web")
    with override_settings(STATIC_ROOT=folder / "static"):
        call_command("collectstatic", interactive=False, verbosity=0)
    environment = {
        "DJANGO_SETTINGS_MODULE": "tests.functional.browser_settings",
        "ADMIN_TOTP": "required",
        "RATELIMIT_ENABLE": "false",
        "WEB_CONCURRENCY": "1",
        "WEB_THREADS": "8",
        "LOGIN_CONCURRENCY": "8",
        "PASSWORD_HASH_CONCURRENCY": "8",
        "SECRET_KEY": settings.SECRET_KEY,
    }
    with django_db_blocker.unblock(), web_server(folder, **environment) as running:
        yield running


def enrolled(email: str) -> TOTPDevice:
    return totp_enrol(user=make_user(email, is_staff=True, is_superuser=True), confirmed=True)


def code_of(device: TOTPDevice) -> str:
    return f"{totp(device.bin_key):06}"


def sign_in(server: WebServer, email: str, code: str) -> int:
    """The status of the answer to the form: 302 with a session, 200 without."""
    page = server.request("GET", "/admin/login/")
    (token,) = re.findall(r'name="csrfmiddlewaretoken" value="(\w+)"', page.body.decode())
    form = {"csrfmiddlewaretoken": token, "username": email, "password": PASSWORD, "otp_token": code}
    headers = {
        "Content-Type": "application/x-www-form-urlencoded",
        "Cookie": page.headers["Set-Cookie"].partition(";")[0],
    }
    connection = HTTPConnection(urlsplit(server.url).netloc, timeout=30)
    try:
        connection.request("POST", "/admin/login/?next=/admin/", urlencode(form), headers)
        answer = connection.getresponse()
        assert ("sessionid" in str(answer.headers.get_all("Set-Cookie"))) == (answer.status == 302)
        return answer.status
    finally:
        connection.close()


def test_a_code_sent_eight_times_at_once_is_good_once(server):
    device = enrolled("eight.of.totp@example.org")
    app = code_of(device)
    recovery = recovery_codes_create(user=device.user)[0]

    for code in (app, recovery):
        statuses = at_once([lambda code=code: sign_in(server, "eight.of.totp@example.org", code)] * 8)

        assert sorted(statuses) == [200] * 7 + [302]


@pytest.mark.skipif(CHROMIUM is None, reason="There is no Chromium on this machine.")
def test_staff_sign_in_with_a_code_in_a_browser(server, tmp_path):
    device = enrolled("browser.of.totp@example.org")
    make_user("new.of.totp@example.org", is_staff=True)

    with browser(tmp_path) as page:
        page.open(f"{server.url}/admin/accounts/user/")
        page.submit("#login-form", username="new.of.totp@example.org", password=PASSWORD)
        assert "admin_totp enrol" in page.run("document.body.innerText")
        refused = [line for line in page.complaints if "403" not in line]
        page.complaints.clear()

        page.open(f"{server.url}/admin/accounts/user/")
        page.submit("#login-form", username="browser.of.totp@example.org", password=PASSWORD)
        assert page.run("document.querySelector('.errornote').innerText").startswith("Please enter")
        page.submit("#login-form", username="browser.of.totp@example.org", password=PASSWORD, otp_token=code_of(device))
        assert page.run("location.pathname") == "/admin/accounts/user/"
        assert page.run("document.querySelector('#result_list') !== null")

        assert [*refused, *page.complaints] == []


def test_the_log_holds_no_secret(server):
    device = enrolled("log.of.totp@example.org")
    codes = recovery_codes_create(user=device.user)
    assert sign_in(server, "log.of.totp@example.org", codes[0]) == 302
    assert sign_in(server, "log.of.totp@example.org", codes[0]) == 200

    logged = server.log.read_text()

    assert codes[0] not in logged
    assert device.key not in logged
    assert PASSWORD not in logged
