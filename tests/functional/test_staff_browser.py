"""The admin in a real browser: no page asks for what the Content-Security-Policy refuses."""

import pytest
from django.conf import settings
from django.contrib import admin
from django.core.management import call_command
from django.test import override_settings

from tests.factories import PASSWORD, make_user
from tests.functional.browser import CHROMIUM, Browser, browser
from tests.functional.web_server import WebServer, web_server

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(CHROMIUM is None, reason="There is no Chromium on this machine."),
]
ADDRESS = "desk.of.staff@example.org"


@pytest.fixture(scope="module")
def server(tmp_path_factory, django_db_setup, django_db_blocker) -> WebServer:
    folder = tmp_path_factory.mktemp("web")
    with override_settings(STATIC_ROOT=folder / "static"):
        call_command("collectstatic", interactive=False, verbosity=0)
    environment = {
        "DJANGO_SETTINGS_MODULE": "tests.functional.browser_settings",
        "RATELIMIT_ENABLE": "false",
        "WEB_CONCURRENCY": "1",
        "SECRET_KEY": settings.SECRET_KEY,
    }
    with django_db_blocker.unblock(), web_server(folder, **environment) as running:
        yield running


@pytest.fixture(scope="module")
def desk(server, tmp_path_factory, django_db_blocker) -> Browser:
    """A browser in which a superuser is signed in."""
    with django_db_blocker.unblock(), browser(tmp_path_factory.mktemp("chromium")) as page:
        make_user(ADDRESS, is_staff=True, is_superuser=True)
        page.open(f"{server.url}/admin/")
        page.submit("#login-form", username=ADDRESS, password=PASSWORD)
        yield page


def test_no_page_breaks_the_policy(server, desk):
    for model in admin.site._registry:
        desk.open(f"{server.url}/admin/{model._meta.app_label}/{model._meta.model_name}/")
        desk.wait("window.Alpine && !document.documentElement.hasAttribute('x-cloak')")

    assert desk.complaints == []
