"""Each role of staff in a real browser: what its pages lead to, and what is refused."""

import json
import re

import pytest
from django.conf import settings
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group
from django.core.management import call_command
from django.test import override_settings

from accounts.models import User
from accounts.signins import tokens_issue
from accounts.staff.roles import Role, roles_sync
from tests.factories import PASSWORD, make_user
from tests.functional.browser import CHROMIUM, Browser, browser
from tests.functional.web_server import WebServer, web_server
from tests.unit.recsys_project.role_matrix import MODELS

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(CHROMIUM is None, reason="There is no Chromium on this machine."),
]
# Statuses of all pages, asked for one after the other by the page itself, with its session.
STATUSES = """
    JSON.stringify(Object.fromEntries(%s.map(path => {
        const request = new XMLHttpRequest(); request.open("GET", path, false); request.send();
        return [path, request.status];
    })))
"""
LINKS = "JSON.stringify([...document.querySelectorAll('a[href^=\"/admin/\"]')].map(link => link.pathname))"


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
def window(tmp_path_factory, django_db_setup, django_db_blocker) -> Browser:
    with django_db_blocker.unblock(), browser(tmp_path_factory.mktemp("chromium")) as page:
        yield page


def sign_in(server: WebServer, window: Browser, role: Role, email: str) -> None:
    roles_sync()
    User.objects.filter(email=email).delete()  # While the cinema is open, rows of other tests stay.
    make_user(email, is_staff=True).groups.add(Group.objects.get(name=role))
    window.open(f"{server.url}/admin/login/")
    if window.run("document.querySelector('#logout-form') !== null"):
        window.run("document.querySelector('#logout-form').submit()")
        window.wait("document.querySelector('#logout-form') === null && document.readyState === 'complete'")
    window.open(f"{server.url}/admin/login/?next=/admin/")
    window.submit("#login-form", username=email, password=PASSWORD)


@pytest.mark.parametrize("role", list(Role))
def test_a_role_is_led_to_its_pages_and_refused_the_others(server, window, role):
    sign_in(server, window, role, f"{role}.of.browser@example.org")
    paths = {
        f"/admin/{model._meta.app_label}/{model._meta.model_name}/": role in MODELS[model._meta.label]
        for model in admin.site._registry
    }

    linked = {path for path in json.loads(window.run(LINKS)) if re.fullmatch(r"/admin/\w+/\w+/", path)} & set(paths)
    assert window.complaints == []
    statuses = json.loads(window.run(STATUSES % json.dumps(list(paths))))
    window.complaints.clear()  # Each refusal is an error in the browser's log.

    assert statuses == {path: 200 if allowed else 403 for path, allowed in paths.items()}
    assert linked
    assert {path for path in linked if not paths[path]} == set()


def test_an_administrator_helps_a_person(server, window):
    person = make_user("helped.of.browser@example.org")
    tokens_issue(user=person)
    sign_in(server, window, Role.ADMINISTRATOR, "helper.of.browser@example.org")

    window.open(f"{server.url}/admin/accounts/user/?q=helped.of.browser")
    window.run("[...document.querySelectorAll('#result_list a')].find(a => a.innerText.trim() == 'Support').click()")
    window.wait("document.querySelector('#person-address') && document.readyState === 'complete'")
    shown = window.run("document.querySelector('#person-address').innerText")
    window.run("[...document.querySelectorAll('#person-links a')].find(a => a.pathname.endsWith('sign-out/')).click()")
    window.wait("document.querySelector('#person-request') && document.readyState === 'complete'")
    window.submit("#person-request", reason="lost phone")

    assert shown == "helped.of.browser@example.org"
    assert f"User {person.pk} is signed out everywhere" in window.run("document.body.innerText")
    assert not person.refresh_tokens.filter(revoked_at=None).exists()
    assert User.objects.get(pk=person.pk).is_active
    lines = LogEntry.objects.filter(object_id=str(person.pk)).order_by("pk").values_list("change_message", flat=True)
    assert list(lines) == ["Opened the support page.", "Ended all sign-ins: lost phone"]
    assert window.complaints == []
