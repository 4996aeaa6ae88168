"""A real browser uses the pages under their Content-Security-Policy, and has nothing to complain about."""

import pytest
from django.core.cache import caches
from django.core.management import call_command
from django.test import override_settings

from accounts.models import User
from tests.factories import PASSWORD, make_user
from tests.functional.browser import CHROMIUM, Browser, browser
from tests.functional.web_server import WebServer, web_server

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(CHROMIUM is None, reason="There is no Chromium on this machine."),
]


@pytest.fixture(scope="module")
def server(tmp_path_factory, django_db_setup, django_db_blocker) -> WebServer:
    folder = tmp_path_factory.mktemp("web")
    with override_settings(STATIC_ROOT=folder / "static"):
        call_command("collectstatic", interactive=False, verbosity=0)
    # The password hashes of the tests, which local settings do not know.
    environment = {"DJANGO_SETTINGS_MODULE": "tests.functional.browser_settings", "WEB_CONCURRENCY": "1"}
    with django_db_blocker.unblock(), web_server(folder, **environment) as running:
        yield running


@pytest.fixture
def page(tmp_path) -> Browser:
    caches["ratelimit"].delete_pattern("*")
    with browser(tmp_path) as opened:
        yield opened


def test_the_api_page_shows_the_operations(server, page):
    page.open(f"{server.url}/api/docs/")
    page.wait("document.querySelectorAll('.opblock').length > 10")
    page.run("document.querySelector('.opblock-summary-control').click()")
    page.wait("document.querySelector('.opblock-body')")

    assert page.run("getComputedStyle(document.querySelector('.opblock')).borderRadius") == "4px"
    assert page.complaints == []


def test_staff_sign_in_and_change_a_person(server, page):
    make_user("root.of.browser@example.org", is_staff=True, is_superuser=True)
    ada = make_user("ada.of.browser@example.org")

    page.open(f"{server.url}/admin/accounts/user/{ada.pk}/change/")
    page.submit("#login-form", username="root.of.browser@example.org", password=PASSWORD)
    assert page.run("document.querySelectorAll('.selector').length") > 0  # Made by the admin's scripts.
    page.submit("#user_form", display_name="Ada")

    assert "was changed successfully" in page.run("document.body.innerText")
    assert User.objects.get(pk=ada.pk).display_name == "Ada"
    assert page.complaints == []


def test_every_list_of_the_admin_loads(server, page):
    make_user("head.of.browser@example.org", is_staff=True, is_superuser=True)

    page.open(f"{server.url}/admin/")
    page.submit("#login-form", username="head.of.browser@example.org", password=PASSWORD)
    paths = page.run("[...document.querySelectorAll('#nav-sidebar-apps a')].map(link => link.href)")
    for path in dict.fromkeys(paths):
        page.open(path)
        assert page.run("document.querySelector('#content') !== null"), path

    assert len(paths) > 10
    assert page.complaints == []


def test_an_error_page_has_its_style(server, page):
    page.open(f"{server.url}/nowhere/")

    assert page.run("getComputedStyle(document.querySelector('a')).color") == "rgb(29, 78, 216)"
    # The status itself is a complaint of the browser's.
    assert [line for line in page.complaints if "404" not in line] == []
