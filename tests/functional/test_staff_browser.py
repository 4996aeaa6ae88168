"""The admin in a real browser: no page asks for what the Content-Security-Policy refuses."""

from pathlib import Path

import pytest
from django.conf import settings
from django.contrib import admin
from django.core.management import call_command
from django.test import Client, override_settings

from accounts.clients.scopes import Scope
from accounts.clients.services import client_get_or_create, key_create
from accounts.models import User
from events.models import RecommendationStatistic
from recsys_project.staff.snapshot import section_forget
from tests.factories import make_movie, make_user, make_version
from tests.functional.browser import CHROMIUM, Browser, browser
from tests.functional.web_server import WebServer, web_server

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(CHROMIUM is None, reason="There is no Chromium on this machine."),
]
ADDRESS = "desk.of.staff@example.org"
# Forms with what the browser's own libraries draw: choices by autocomplete, of many, and in tables.
FORMS = [
    "accounts/clientkey/add/",
    "recommendations/curationrule/add/",
    "recommendations/experiment/add/",
    "recommendations/batchrecommendation/preview/",
]
AXE = (Path(__file__).parent / "axe" / "axe.min.js").read_text()


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
def chromium(tmp_path_factory) -> Browser:
    with browser(tmp_path_factory.mktemp("chromium")) as page:
        yield page


@pytest.fixture
def desk(server, chromium) -> Browser:
    """A browser in which a superuser is signed in."""
    client = Client()
    User.objects.filter(email=ADDRESS).delete()  # While the cinema is open, rows stay.
    client.force_login(make_user(ADDRESS, is_staff=True, is_superuser=True))
    chromium.complaints.clear()
    chromium._send("Network.setCookie", name="sessionid", value=client.cookies["sessionid"].value, url=server.url)
    return chromium


def clear_sections() -> None:
    for name in ("model", "traffic", "catalogue", "work"):
        section_forget(name)


def test_no_page_breaks_the_policy(server, desk):
    for model in admin.site._registry:
        desk.open(f"{server.url}/admin/{model._meta.app_label}/{model._meta.model_name}/")
        desk.wait("window.Alpine && !document.documentElement.hasAttribute('x-cloak')")

    assert desk.complaints == []


def test_the_dashboard_draws_its_plots(server, desk):
    for quality in (0.21, 0.23):
        make_version("retired", metrics={"ndcg@10": quality, "popularity": {"ndcg@10": 0.12}})
    # Other tests of servers count clicks in the same database.
    RecommendationStatistic.objects.all().delete()
    clear_sections()
    desk.open(f"{server.url}/admin/")
    desk.wait("document.querySelectorAll('.desk-numbers tbody tr').length > 0")

    assert desk.run("Chart.getChart('plot-quality').data.datasets[0].data") == [0.21, 0.23]
    assert desk.run("document.querySelector('#plot-clicks').closest('section').innerText").find("Nothing yet.") > 0
    # A click on a point opens its version.
    desk.run("(() => { const c = Chart.getChart('plot-quality'); c.options.onClick({}, [{index: 1}]); })()")
    desk.wait("location.pathname.includes('/modelversion/')")
    assert desk.complaints == []


def test_the_page_of_versions_draws_the_same_plot(server, desk):
    version = make_version("retired", metrics={"ndcg@10": 0.27, "popularity": {"ndcg@10": 0.12}})
    desk.open(f"{server.url}/admin/recommendations/modelversion/")
    desk.wait("window.Chart && Chart.getChart('plot-quality')")

    assert desk.run("Chart.getChart('plot-quality').data.datasets[0].data.at(-1)") == 0.27
    assert desk.run("Chart.getChart('plot-quality').data.labels.at(-1)") == f"v{version.pk}"
    assert desk.complaints == []


def test_the_menus_work_under_the_policy(server, desk):
    desk.open(f"{server.url}/admin/accounts/user/")
    desk.wait("!document.documentElement.hasAttribute('x-cloak')")
    icons = "[...document.querySelectorAll('#header-inner .material-symbols-outlined')]"
    desk.run(f"{icons}.find(one => one.innerText.trim() === 'dock_to_right').click()")
    desk.wait("localStorage.getItem('sidebarDesktopOpen') === '0'")
    desk.run("localStorage.removeItem('sidebarDesktopOpen')")
    desk.run("window.dispatchEvent(new KeyboardEvent('keydown', {key: 'k', ctrlKey: true}))")
    desk.wait("document.activeElement.id === 'search-input-command'")
    desk.run("document.activeElement.value = 'genres'")
    desk.run("document.activeElement.dispatchEvent(new KeyboardEvent('keyup', {key: 's', bubbles: true}))")
    desk.wait("document.querySelector('#command-results-list a')")
    assert desk.run("document.querySelector('#command-results-list a').pathname") == "/admin/movies/genre/"

    assert desk.complaints == []


def serious_findings(desk: Browser) -> list:
    """What axe finds on the page that is serious or critical."""
    desk.run(AXE)
    desk.run("axe.run().then(found => { window.violations = found.violations; })")
    desk.wait("window.violations")
    found: list = desk.run(
        "violations.filter(one => ['serious', 'critical'].includes(one.impact))"
        ".map(one => [one.id, one.nodes.slice(0, 3).map(node => node.html.slice(0, 200))])"
    )
    return found


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("path", ["", "readiness/", "movies/movie/", "movies/movie/add/", *FORMS, "login/"])
def test_axe_finds_nothing_serious(server, desk, path, dark):
    address = f"{server.url}/admin/{path}"
    if path == "login/":
        desk._send("Network.clearBrowserCookies")
    desk.open(address)
    desk.run(f"localStorage.setItem('adminTheme', JSON.stringify('{'dark' if dark else 'light'}'))")
    desk.open(address)
    desk.wait("!document.documentElement.hasAttribute('x-cloak')")
    assert desk.run("document.documentElement.classList.contains('dark')") == dark

    assert serious_findings(desk) == []


def test_no_form_is_wider_than_a_phone(server, desk):
    person = make_user("wide.of.staff@example.org")
    desk._send("Emulation.setDeviceMetricsOverride", width=390, height=844, deviceScaleFactor=1, mobile=True)
    try:
        for path in (*FORMS, "movies/movie/add/", f"accounts/user/{person.pk}/change/"):
            desk.open(f"{server.url}/admin/{path}")
            desk.wait("!document.documentElement.hasAttribute('x-cloak')")
            assert desk.run("document.documentElement.scrollWidth") <= 390, path
    finally:
        desk._send("Emulation.clearDeviceMetricsOverride")


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_pages_that_ask_are_readable_on_a_phone(server, desk, dark):
    heat, double = make_movie("Heat of forms", 1995), make_movie("Heat of forms (US)", 1996)
    person = make_user(f"forms.{'dark' if dark else 'light'}@example.org")
    key, _ = key_create(client=client_get_or_create(name="shop-of-forms"), scopes=[Scope.CATALOGUE_READ])
    pages = {
        f"movies/movie/merge/?duplicate={double.pk}&target={heat.pk}": "#merge-movies",
        f"movies/movie/{heat.pk}/delete/": "#delete-movies",
        f"accounts/clientkey/{key.pk}/rotate/": "#key-rotate",
        f"accounts/user/{person.pk}/erase/": "#person-request",
    }
    desk.open(f"{server.url}/admin/")
    desk.run(f"localStorage.setItem('adminTheme', JSON.stringify('{'dark' if dark else 'light'}'))")
    desk._send("Emulation.setDeviceMetricsOverride", width=390, height=844, deviceScaleFactor=1, mobile=True)
    try:
        for path, form in pages.items():
            desk.open(f"{server.url}/admin/{path}")
            desk.wait(f"!document.documentElement.hasAttribute('x-cloak') && document.querySelector('{form}')")
            assert desk.run("document.documentElement.scrollWidth") <= 390, path
            assert serious_findings(desk) == [], path
    finally:
        desk._send("Emulation.clearDeviceMetricsOverride")
    assert desk.complaints == []
