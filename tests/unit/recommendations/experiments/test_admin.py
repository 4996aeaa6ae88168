"""Experiments in the admin."""

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse

from recommendations.experiments.services import experiment_stop
from recommendations.models import Experiment
from tests.factories import make_user
from tests.unit.recommendations.experiments.factories import draft, running
from tests.unit.recommendations.experiments.test_results import crowd, movies, started  # noqa: F401 -- a fixture.

LIST = reverse("admin:recommendations_experiment_changelist")
ADD = reverse("admin:recommendations_experiment_add")
pytestmark = pytest.mark.django_db


@pytest.fixture
def staff() -> Client:
    client = Client()
    client.force_login(make_user(is_staff=True, is_superuser=True))
    return client


def form(*arms: dict, **fields) -> dict:
    """The form of an experiment with these arms."""
    data = {"name": "variety", "metric": "click_through", "effect": "0.01", "share": "0.5", "description": ""}
    data |= {"ends_at_0": "", "ends_at_1": "", "arms-TOTAL_FORMS": len(arms), "arms-INITIAL_FORMS": 0}
    for number, arm in enumerate(arms):
        values = {"weight": 1, "overrides": "{}"} | arm
        data |= {f"arms-{number}-{name}": value for name, value in values.items()}
    return data | fields


def act(client: Client, action: str, experiment: Experiment) -> str:
    data = {"action": action, "_selected_action": [experiment.pk]}
    return client.post(LIST, data, follow=True).content.decode()


def test_a_draft_is_made_with_its_arms(staff):
    data = form({"name": "control", "control": "on"}, {"name": "b", "overrides": '{"diversity": 0.3}'})

    assert staff.post(ADD, data).status_code == 302

    experiment = Experiment.objects.get(name="variety")
    assert [(arm.name, arm.control, arm.overrides) for arm in experiment.arms.all()] == [
        ("control", True, {}),
        ("b", False, {"diversity": 0.3}),
    ]


@pytest.mark.parametrize(
    ("arms", "message"),
    [
        ([{"name": "a"}, {"name": "b"}], "Exactly one arm is the control."),
        ([{"name": "a", "control": "on"}, {"name": "b", "overrides": '{"diversity": 3}'}], "from 0 to 1"),
        ([{"name": "a", "control": "on"}, {"name": "b", "overrides": "[1]"}], "must be an object"),
        ([{"name": "a", "control": "on"}], "2 to 10 arms"),
    ],
)
def test_arms_that_cannot_be_compared_are_refused(staff, arms, message):
    page = staff.post(ADD, form(*arms))

    assert page.status_code == 200
    assert message in page.content.decode()
    assert not Experiment.objects.exists()


def test_it_is_started_and_stopped_by_actions(staff):
    experiment = draft("variety")

    assert "variety: Started." in act(staff, "start", experiment)
    experiment.refresh_from_db()
    assert experiment.status == "running"
    assert "only a draft" in act(staff, "start", experiment)
    assert "variety: Stopped." in act(staff, "stop", experiment)
    experiment.refresh_from_db()
    assert experiment.status == "stopped"


def test_a_running_one_keeps_what_is_measured(staff):
    experiment = running("variety")
    page = reverse("admin:recommendations_experiment_change", args=[experiment.pk])

    data = form(name="other", share="0.1", description="Why")
    data |= {"arms-TOTAL_FORMS": 2, "arms-INITIAL_FORMS": 2}
    for number, arm in enumerate(experiment.arms.all()):
        data |= {f"arms-{number}-id": arm.pk, f"arms-{number}-name": "changed", f"arms-{number}-DELETE": "on"}

    answer = staff.post(page, data)

    experiment.refresh_from_db()
    assert answer.status_code == 302
    assert (experiment.name, experiment.share, experiment.description) == ("variety", 1.0, "Why")
    assert list(experiment.arms.values_list("name", flat=True)) == ["control", "treatment"]


def test_only_a_draft_can_be_deleted(staff):
    kept, removed = running("kept"), draft("removed")

    for experiment in (kept, removed):
        staff.post(reverse("admin:recommendations_experiment_delete", args=[experiment.pk]), {"post": "yes"})

    assert list(Experiment.objects.values_list("name", flat=True)) == ["kept"]
    assert "delete_selected" not in staff.get(LIST).content.decode()


def test_the_results_have_numbers_and_a_plot(staff, movies):  # noqa: F811
    experiment = started(effect=0.1)
    crowd(movies, "control", 110, 4)
    crowd(movies, "treatment", 110, 2)
    experiment_stop(experiment=experiment)

    answer = staff.get(reverse("admin:recommendations_experiment_results", args=[experiment.pk]))

    page = answer.content.decode()
    assert answer.status_code == 200
    assert "control (control)" in page
    assert "0.2500" in page
    means, differences = answer.context["plots"]["means"], answer.context["plots"]["differences"]
    control, treatment = means
    assert (control["name"], control["value"]) == ("control (control)", answer.context["results"].arms[0].mean)
    assert control["low"] < control["value"] < control["high"]
    assert treatment["name"] == "treatment"
    assert [row["name"] for row in differences] == ["treatment"]
    assert all(f'id="plot-{name}"' in page for name in ("means", "differences"))
    assert "experiment-state" not in page


def test_it_is_started_and_stopped_on_its_page(staff):
    experiment = draft("variety")
    page = reverse("admin:recommendations_experiment_results", args=[experiment.pk])
    viewer = make_user(is_staff=True)
    viewer.user_permissions.add(Permission.objects.get(codename="view_experiment"))
    looking = Client()
    looking.force_login(viewer)

    assert looking.post(page, {"start": "1"}).status_code == 403
    assert "experiment-state" not in looking.get(page).content.decode()
    assert 'name="start"' in staff.get(page).content.decode()
    staff.post(page, {"start": "1"})
    experiment.refresh_from_db()
    assert experiment.status == "running"
    assert 'name="stop"' in staff.get(page).content.decode()
    staff.post(page, {"stop": "1"})
    experiment.refresh_from_db()
    assert experiment.status == "stopped"


def test_results_need_the_permission(staff):
    experiment = running("variety")
    page = reverse("admin:recommendations_experiment_results", args=[experiment.pk])
    other = Client()
    other.force_login(make_user(is_staff=True))

    assert staff.get(page).status_code == 200
    assert other.get(page).status_code == 403
    assert Client().get(page).status_code == 302


@pytest.mark.parametrize(
    "text",
    [
        "[" * 5_000,
        "9" * 5_000,
        '{"\\ud800": 1}',
        '{"diversity": NaN}',
        '{"diversity": 1e400}',
        '{"\\u0000": 1}',
        "{",
        "\ufeff{}",
    ],
    ids=["deep", "long number", "surrogate", "NaN", "infinite", "NUL", "cut", "byte order mark"],
)
def test_overrides_that_cannot_be_stored_are_refused(staff, text):
    page = staff.post(ADD, form({"name": "a", "control": "on"}, {"name": "b", "overrides": text}))

    assert page.status_code == 200
    assert "Enter a valid JSON." in page.content.decode()
    assert not Experiment.objects.exists()
