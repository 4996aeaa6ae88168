"""Sign-ins get a share of a process's threads; the others always read."""

import json
import threading

import pytest
from django.core.cache import caches
from django.test import Client

from recsys_project import login_gate
from tests.factories import PASSWORD, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _one_place(monkeypatch):
    caches["ratelimit"].delete_pattern("*")
    monkeypatch.setattr(login_gate, "_places", threading.BoundedSemaphore(1))


@pytest.fixture
def full():
    assert login_gate._places.acquire(blocking=False)
    yield
    login_gate._places.release()


def post(path: str, **fields: str):
    return Client().post(path, json.dumps(fields), content_type="application/json")


@pytest.mark.usefixtures("full")
@pytest.mark.parametrize("path", ["/api/auth/token/", "/api/auth/register/"])
def test_a_sign_in_without_a_place_is_503_at_once(path):
    answer = post(path, email="ada@x.org", password=PASSWORD)

    assert answer.status_code == 503
    assert answer.json()["error"]["code"] == "service_unavailable"
    assert int(answer["Retry-After"]) >= 1


@pytest.mark.usefixtures("full")
def test_the_admin_says_it_on_a_page():
    answer = Client().post("/admin/login/", {"username": "ada@x.org", "password": PASSWORD})

    assert answer.status_code == 503
    assert answer["Content-Type"].startswith("text/html")
    assert int(answer["Retry-After"]) >= 1


@pytest.mark.usefixtures("full")
def test_everything_else_needs_no_place():
    assert Client().get("/api/movies/").status_code == 200
    assert Client().get("/admin/login/").status_code == 200
    assert post("/api/auth/refresh/", refresh="x").status_code == 401


def test_a_sign_in_without_a_place_counts_for_no_limit(settings):
    settings.RATELIMIT_ENABLE = True
    settings.RATE_LIMITS = settings.RATE_LIMITS | {"login_address": ["1/d:1"]}
    assert login_gate._places.acquire(blocking=False)
    assert [post("/api/auth/token/").status_code for _ in range(3)] == [503] * 3
    login_gate._places.release()

    assert [post("/api/auth/token/").status_code for _ in range(2)] == [400, 429]


def test_each_end_of_a_request_frees_its_place(settings):
    make_user("ada@x.org")
    settings.RATELIMIT_ENABLE = True
    for body, status in (
        ({"email": "ada@x.org", "password": PASSWORD}, 200),
        ({"email": "ada@x.org", "password": "wrong"}, 401),
        ({}, 400),
    ):
        assert post("/api/auth/token/", **body).status_code == status
    settings.RATE_LIMITS = settings.RATE_LIMITS | {"login_address": ["1/d:1"]}
    assert [post("/api/auth/token/").status_code for _ in range(3)] == [400, 429, 429]

    assert login_gate._places.acquire(blocking=False)
    login_gate._places.release()
