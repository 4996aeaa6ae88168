"""Experiments over HTTP: drafted, changed, started, stopped and read by staff."""

import pytest
from django.contrib.auth.models import Permission

from recommendations.models import Experiment
from tests.factories import client_of, make_key, make_user
from tests.factories import client_with_key as client_of_key
from tests.unit.recommendations.experiments.factories import draft, running

URL = "/api/experiments/"
ARMS = [{"name": "control", "control": True}, {"name": "variety", "overrides": {"diversity": 0.5}}]
pytestmark = pytest.mark.django_db


@pytest.fixture
def staff():
    return client_of(make_user(is_staff=True, is_superuser=True))


def send(client, method: str, path: str = "", **body):
    return getattr(client, method)(f"{URL}{path}", body, format="json")


def test_a_draft_is_made_and_read(staff):
    made = send(staff, "post", name="variety", arms=ARMS, share=0.5)

    answer = staff.get(f"{URL}variety/").json()
    assert made.status_code == 201
    assert made.json() == answer
    assert (answer["status"], answer["metric"], answer["effect"]) == ("draft", "click_through", 0.01)
    assert answer["arms"] == [
        {"name": "control", "weight": 1, "control": True, "overrides": {}},
        {"name": "variety", "weight": 1, "control": False, "overrides": {"diversity": 0.5}},
    ]
    assert staff.get(URL).json() == {"items": [answer], "next_cursor": None}


@pytest.mark.parametrize("name", ["two words", "größer", ""])
def test_a_bad_name_is_refused_and_says_why(staff, name):
    answer = send(staff, "post", name=name, arms=ARMS)

    assert answer.status_code == 400
    (text,) = answer.json()["error"]["fields"]["name"]
    assert text == "Letters A to Z, digits, hyphens and underscores only." or not name
    assert not Experiment.objects.exists()


def test_it_starts_and_stops(staff):
    draft("variety", share=0.5)

    started, stopped = send(staff, "post", "variety/start/"), send(staff, "post", "variety/stop/")

    assert (started.status_code, started.json()["status"], started.json()["buckets"]) == (200, "running", [0, 5000])
    assert (stopped.status_code, stopped.json()["status"]) == (200, "stopped")
    assert Experiment.objects.get().status == "stopped"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"arms": ARMS[:1]}, "arms"),
        ({"arms": ARMS * 6}, "arms"),
        ({"arms": [ARMS[0], {"name": "a", "overrides": {"holdout": True, "diversity": 1}}]}, "arms"),
        ({"arms": [ARMS[0], {"name": "a", "overrides": {"diversity": 7}}]}, "arms.1.overrides.diversity"),
        ({"arms": [ARMS[0], {"name": "a", "overrides": {"divrsity": 1}}]}, "arms.1.overrides.divrsity"),
        ({"arms": ARMS, "name": "two words"}, "name"),
        ({"arms": ARMS, "share": 0}, "share"),
        ({"arms": ARMS, "metric": "revenue"}, "metric"),
        ({"arms": ARMS, "ends_at": "2001-01-01T00:00:00Z"}, "ends_at"),
        ({"arms": ARMS, "status": "running"}, "status"),
    ],
)
def test_what_is_not_valid_is_refused(staff, body, field):
    answer = send(staff, "post", **{"name": "variety"} | body)

    assert answer.status_code == 400
    assert field in answer.json()["error"]["fields"]
    assert not Experiment.objects.exists()


def test_a_name_is_taken_once(staff):
    draft("variety")

    answer = send(staff, "post", name="variety", arms=ARMS)

    assert answer.status_code == 400
    assert "name" in answer.json()["error"]["fields"]


def test_a_change_of_a_running_one_is_refused(staff):
    running("variety")

    answer = send(staff, "patch", "variety/", share=0.2)

    assert answer.status_code == 400
    assert "share" in answer.json()["error"]["fields"]
    assert Experiment.objects.get().share == 1.0
    assert send(staff, "patch", "variety/", description="Why").json()["description"] == "Why"


def test_a_draft_cannot_be_stopped(staff):
    draft("variety")

    assert send(staff, "post", "variety/stop/").status_code == 400
    assert Experiment.objects.get().status == "draft"


def test_results_of_nobody_are_empty(staff):
    running("variety")

    answer = staff.get(f"{URL}variety/results/").json()

    assert [(arm["name"], arm["people"], arm["mean"]) for arm in answer["arms"]] == [
        ("control", 0, None),
        ("treatment", 0, None),
    ]
    assert (answer["status"], answer["sample_ratio_p"], answer["people_needed"]) == ("running", 1.0, None)


def test_an_unknown_name_is_not_found(staff):
    for method, path in (("get", ""), ("patch", ""), ("post", "start/"), ("post", "stop/"), ("get", "results/")):
        assert send(staff, method, f"nothing/{path}").status_code == 404


def permitted(*actions: str):
    user = make_user(is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=[f"{action}_experiment" for action in actions]))
    return client_of(user)


def test_viewers_cannot_change():
    draft("variety")
    viewer = permitted("view")

    assert viewer.get(URL).status_code == 200
    assert viewer.get(f"{URL}variety/results/").status_code == 200
    assert send(viewer, "post", name="more", arms=ARMS).status_code == 403
    assert send(viewer, "patch", "variety/", description="x").status_code == 403
    assert send(viewer, "post", "variety/start/").status_code == 403
    assert Experiment.objects.get().status == "draft"


def test_adding_is_not_changing():
    adder = permitted("add")

    assert send(adder, "post", name="variety", arms=ARMS).status_code == 201
    assert send(adder, "post", "variety/start/").status_code == 403
    assert send(permitted("change"), "post", "variety/start/").status_code == 200


def test_people_and_keys_are_refused():
    draft("variety")
    # Permissions without being staff do not count.
    user = make_user()
    user.user_permissions.set(Permission.objects.filter(codename="view_experiment"))

    assert client_of(user).get(URL).status_code == 403
    assert client_of_key(make_key()).get(URL).status_code == 403
    assert client_of().get(URL).status_code == 401
