"""Staff try rules in a browser before they save them, decide on model versions, and start and read an experiment."""

from datetime import timedelta

import pytest
from django.conf import settings
from django.core.management import call_command
from django.test import override_settings

from accounts.models import User
from accounts.tokens import AccessToken
from recommendations.experiments.services import experiment_stop
from recommendations.models import CurationRule, Experiment, ModelVersion, VersionDecision
from tests.factories import PASSWORD, make_user
from tests.functional.browser import CHROMIUM, Browser, browser
from tests.functional.cinema import Client, second_version
from tests.functional.web_server import WebServer, web_server
from tests.unit.recommendations.experiments.factories import draft

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(CHROMIUM is None, reason="There is no Chromium on this machine."),
]
ADDRESS = "curator.of.browser@example.org"
PREVIEW = "/admin/recommendations/batchrecommendation/preview/"


@pytest.fixture(scope="module")
def server(cinema, tmp_path_factory) -> WebServer:
    """A second server over the cinema's database, with the admin's static files."""
    folder = tmp_path_factory.mktemp("web")
    with override_settings(STATIC_ROOT=folder / "static"):
        call_command("collectstatic", interactive=False, verbosity=0)
    environment = {
        "DJANGO_SETTINGS_MODULE": "tests.functional.browser_settings",
        "MODEL_DIR": str(settings.MODEL_DIR),
        "RATELIMIT_ENABLE": "false",
        "WEB_CONCURRENCY": "1",
        "SECRET_KEY": settings.SECRET_KEY,
        "JWT_SIGNING_KEY": settings.JWT_SIGNING_KEY,
    }
    with web_server(folder, **environment) as running:
        yield running


@pytest.fixture(scope="module")
def desk(server, tmp_path_factory, django_db_blocker) -> Browser:
    """A browser in which a superuser is signed in."""
    with django_db_blocker.unblock(), browser(tmp_path_factory.mktemp("chromium")) as page:
        make_user(ADDRESS, is_staff=True, is_superuser=True)
        page.open(f"{server.url}/admin/")
        page.submit("#login-form", username=ADDRESS, password=PASSWORD)
        yield page


def choose(page: Browser, name: str, value: int) -> None:
    """Chooses a row in an autocomplete field, as its script does."""
    page.run(f"document.querySelector('select[name=\"{name}\"]').add(new Option('chosen', '{value}', true, true))")


def press(page: Browser, selector: str) -> None:
    """Presses a button that leads to another page, in the same tab."""
    page.run("window.left = true")
    page.run(f"{{const one = document.querySelector({selector!r}); one.removeAttribute('formtarget'); one.click()}}")
    page.wait("!window.left && document.readyState === 'complete'")


def act(page: Browser, url: str, action: str, *rows: int) -> None:
    """Runs an action of a list on these rows."""
    page.open(url)
    page.run("window.left = true")
    for row in rows:
        page.run(f"document.querySelector('.action-select[value=\"{row}\"]').checked = true")
    page.run(
        "{const form = document.querySelector('#changelist-form');"
        f"form.querySelector('select[name=action]').value = {action!r}; form.submit()}}"
    )
    page.wait("!window.left && document.readyState === 'complete'")


def titles(page: Browser, column: int) -> list[str]:
    rows = f"document.querySelectorAll('[data-column=\"{column}\"] .title')"
    found: list[str] = page.run(f"[...{rows}].map(row => row.innerText)")
    return found


def test_a_pin_is_tried_saved_seen_and_ended(cinema, server, desk):
    fan = cinema.fan("Crime").user
    viewer = Client(server, fan, str(AccessToken.for_user(fan)))
    before = viewer.ids()
    movie = next(movie for movie in cinema.movies["War"] if movie.pk not in before[:10])
    served = viewer.served()

    desk.open(f"{server.url}/admin/recommendations/curationrule/add/")
    desk.run("document.querySelector('[name=kind]').value = 'pin'")
    for name, text in (("reason", "A test in the browser"), ("place", "1")):
        desk.run(f"document.querySelector('[name={name}]').value = {text!r}")
    choose(desk, "films", movie.pk)
    press(desk, "#preview-rule")
    choose(desk, "preview-user", fan.pk)
    press(desk, "#preview-choices [type=submit]")

    assert titles(desk, 2)[0] == movie.title
    assert titles(desk, 1)[0] != movie.title
    assert "pin, this draft" in desk.run("document.querySelector('[data-column=\"2\"] li').innerText")
    assert not CurationRule.objects.exists()
    assert viewer.ids() == before
    assert viewer.served() == served

    press(desk, "[formaction$='/curationrule/add/']")
    rule = CurationRule.objects.get()
    try:
        first = viewer.read()["items"][0]
        assert (first["movie"]["id"], first["rule"]) == (movie.pk, {"id": rule.pk, "kind": "pin"})
        act(desk, f"{server.url}/admin/recommendations/curationrule/", "end", rule.pk)
        assert viewer.ids()[0] != movie.pk
        assert all("rule" not in item for item in viewer.read()["items"])
    finally:
        rule.delete()
    assert desk.complaints == []


def test_a_version_goes_live_back_and_is_rejected(cinema, server, desk):
    page = f"{server.url}/admin/recommendations/modelversion/"
    with second_version() as (first, second):
        row = ModelVersion.objects.get(pk=second)
        ModelVersion.objects.filter(pk=second).update(started_at=row.started_at + timedelta(seconds=1))
        act(desk, page, "make_live", second)
        assert ModelVersion.objects.live().get().pk == first
        desk.submit("#decision", reason="Fewer repeats")
        assert ModelVersion.objects.live().get().pk == second
        act(desk, page, "roll_back", second)
        desk.submit("#decision", reason="Odd lists")
        assert ModelVersion.objects.live().get().pk == first
        act(desk, page, "reject", second)
        desk.submit("#decision", reason="Wrong data")
        assert ModelVersion.objects.get(pk=second).refusal == "Rejected by staff: Wrong data"
        decided = VersionDecision.objects.filter(version=second).order_by("pk").values_list("kind", "reason")
        assert list(decided) == [
            ("published", "Fewer repeats"),
            ("withdrawn", "Odd lists"),
            ("rejected", "Wrong data"),
        ]
    assert desk.complaints == []


def test_an_experiment_is_started_and_read(server, desk):
    experiment = draft("started-in-the-browser", share=0.01)
    try:
        desk.open(f"{server.url}/admin/recommendations/experiment/{experiment.pk}/results/")
        press(desk, "#experiment-state button[name=start]")
        shown = desk.run("document.querySelector('#experiment-results').innerText")
        assert Experiment.objects.get(pk=experiment.pk).status == "running"
        assert "control (control)" in shown
        assert "treatment" in shown
        press(desk, "#experiment-state button[name=stop]")
        assert Experiment.objects.get(pk=experiment.pk).status == "stopped"
        assert not desk.run("document.querySelector('#experiment-state') !== null")
    finally:
        experiment_stop(experiment=experiment)
        experiment.delete()
    assert desk.complaints == []


def test_every_preview_opens_without_complaints(cinema, server, desk):
    live = ModelVersion.objects.live().get()
    movie, fan = cinema.movies["Crime"][0], cinema.fan("Crime").user
    pages = {
        f"{PREVIEW}?user={fan.pk}": "document.querySelectorAll('.list-of-movies li').length === 20",
        f"{PREVIEW}neighbours/?movie={movie.pk}": "document.querySelectorAll('#neighbours tbody tr').length === 30",
        f"{PREVIEW}audience/?movie={movie.pk}": "document.querySelector('#audience')",
        f"/admin/recommendations/modelversion/compare/?first={live.pk}&second=": "document.querySelector('.errorlist')",
        "/admin/recommendations/modelversion/": "!document.querySelector('[data-training-none]').hidden",
        "/admin/django_celery_beat/periodictask/": "document.querySelector('#changelist')",
    }
    for page, condition in pages.items():
        desk.open(server.url + page)
        desk.wait(condition)

    assert desk.complaints == []
    assert User.objects.filter(pk=fan.pk).exists()
