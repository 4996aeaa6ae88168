"""Liveness and readiness."""

import pytest
from django.test import Client

from recsys_project import health
from tests.factories import make_version

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _unasked(monkeypatch):
    monkeypatch.setattr(health, "_migrated", False)


def test_ready_names_the_live_model():
    version = make_version()

    response = Client().get("/health/ready")

    assert response.status_code == 200
    assert response.json()["model_version"] == version.pk
    assert set(response.json()["checks"].values()) == {"ok"}


def test_ready_without_a_model_says_so_and_is_ready():
    response = Client().get("/health/ready")

    assert response.status_code == 200
    assert response.json()["model_version"] is None


def test_without_redis_the_process_is_live_and_not_ready(settings):
    settings.CACHES = {
        alias: {**config, "LOCATION": "redis://127.0.0.1:1/0"} for alias, config in settings.CACHES.items()
    }

    response = Client().get("/health/ready")

    assert response.status_code == 503
    assert response.json()["error"]["code"] == "not_ready"
    assert response.json()["error"]["fields"] == {"redis": ["unreachable"]}
    assert response.json()["checks"] == {"database": "ok", "redis": "unreachable", "migrations": "ok"}
    assert int(response["Retry-After"]) >= 1
    assert Client().get("/health/live").status_code == 200


def test_an_open_migration_is_not_ready(monkeypatch):
    monkeypatch.setattr(health.MigrationExecutor, "migration_plan", lambda *_: [("movies", False)])

    response = Client().get("/health/ready")

    assert response.json()["error"]["fields"] == {"migrations": ["1 not applied"]}
    assert not health._migrated


def test_liveness_asks_nobody(django_assert_num_queries):
    with django_assert_num_queries(0):
        assert Client().get("/health/live").json() == {"status": "ok"}
