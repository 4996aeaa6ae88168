"""Liveness and readiness."""

import hashlib
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from django.test import Client
from django.utils import timezone

from recommendations.models import ModelVersion, MovieEmbedding
from recommendations.vectors import artefacts
from recsys_project import health
from recsys_project.metrics.view import STATE
from tests.factories import make_embedding, make_movie, make_version
from tests.unit.recommendations.experiments.factories import running

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _unasked(monkeypatch):
    monkeypatch.setattr(health, "_migrated", False)


@pytest.fixture
def model_file(settings, tmp_path) -> Path:
    """The one file of the live version, as training wrote it."""
    settings.MODEL_DIR = tmp_path
    version = make_version(artefacts={"encoder.npz": hashlib.sha256(b"as written").hexdigest()})
    path = tmp_path / str(version.pk) / "encoder.npz"
    path.parent.mkdir()
    path.write_bytes(b"as written")
    return path


def spoil(path: Path, how: str) -> None:
    if how == "missing":
        path.unlink()
    elif how == "not the file that training wrote":
        path.write_bytes(b"as Written")
    else:
        # Also to root, whom no mode keeps out.
        path.unlink()
        path.mkdir()


def readable() -> list[str]:
    """The metric's lines of numbers."""
    STATE.forget()
    lines = Client().get("/metrics", REMOTE_ADDR="127.0.0.1").content.decode().splitlines()
    return [line for line in lines if line.startswith("recsys_model_artefacts_readable")]


def test_ready_names_the_live_model(model_file):
    version = ModelVersion.objects.get()

    response = Client().get("/health/ready")

    assert response.status_code == 200
    assert response.json()["model_version"] == version.pk
    assert response.json()["status"] == "ok"
    assert set(response.json()["checks"].values()) == {"ok"}
    assert response.json()["failed"] == []


def test_ready_says_when_the_model_was_trained(model_file):
    ended = timezone.now() - timedelta(hours=5)
    ModelVersion.objects.update(finished_at=ended, created_at=ended - timedelta(hours=1))

    answer = Client().get("/health/ready").json()

    assert datetime.fromisoformat(answer["trained_at"]) == ended
    assert 5 * 3600 <= answer["age_seconds"] < 5 * 3600 + 60


def test_a_training_that_ends_in_the_future_has_no_age(model_file):
    ModelVersion.objects.update(finished_at=timezone.now() + timedelta(hours=1))

    assert Client().get("/health/ready").json()["age_seconds"] == 0


def test_ready_without_a_model_is_degraded():
    response = Client().get("/health/ready")

    # Popular movies are listed without one.
    assert response.status_code == 200
    assert response.json()["status"] == "degraded"
    assert response.json()["failed"] == ["model_files"]
    assert response.json()["checks"]["model_files"] == "there is no live version"
    assert [response.json()[name] for name in ("model_version", "trained_at", "age_seconds")] == [None] * 3
    assert readable() == []


@pytest.mark.parametrize("how", ["missing", "not the file that training wrote", "cannot be read"])
def test_model_files_that_cannot_be_read_are_reported(model_file, how):
    assert readable() == ["recsys_model_artefacts_readable 1.0"]
    spoil(model_file, how)

    response = Client().get("/health/ready")

    # Lists answer without them: a machine that is taken away answers nobody.
    assert response.status_code == 200
    assert response.json()["status"] == "degraded"
    assert response.json()["failed"] == ["model_files"]
    assert f"encoder.npz is {how}".replace("is cannot", "cannot") in response.json()["checks"]["model_files"]
    assert str(model_file.parent) not in response.content.decode()
    assert readable() == ["recsys_model_artefacts_readable 0.0"]


def test_a_version_without_model_files_is_reported():
    version = make_version()

    answer = Client().get("/health/ready").json()

    assert (answer["status"], answer["checks"]["model_files"]) == (
        "degraded",
        f"version {version.pk} has no model files",
    )


def test_model_files_are_read_once_until_they_change(model_file, monkeypatch):
    read = []
    digest = artefacts._digest
    monkeypatch.setattr(artefacts, "_digest", lambda path: read.append(path) or digest(path))
    for _ in range(3):
        assert Client().get("/health/ready").json()["status"] == "ok"
    assert len(read) == 1
    model_file.write_bytes(b"something else")

    assert Client().get("/health/ready").json()["status"] == "degraded"
    model_file.write_bytes(b"as written")
    assert Client().get("/health/ready").json()["status"] == "ok"


def test_without_redis_the_process_is_live_and_not_ready(settings):
    settings.CACHES = {
        alias: {**config, "LOCATION": "redis://127.0.0.1:1/0"} for alias, config in settings.CACHES.items()
    }

    response = Client().get("/health/ready")

    assert response.status_code == 503
    assert response.json()["error"]["code"] == "not_ready"
    assert response.json()["error"]["fields"] == {"redis": ["unreachable"]}
    assert response.json()["checks"] == {"database": "ok", "redis": "unreachable", "migrations": "ok"}
    assert (response.json()["status"], response.json()["failed"]) == ("not_ready", ["redis"])
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


@pytest.mark.parametrize("host", ["10.0.0.7:8000", "unheard-of.example", "two words", "_x!<>", "a:b:c", ""])
@pytest.mark.parametrize("path", ["/health/live", "/health/ready", "/metrics"])
def test_probes_and_scrapes_answer_whatever_the_host_is(path, host):
    assert Client().get(path, headers={"host": host}).status_code == 200
    assert Client().head(path, headers={"host": host}).status_code == 200
    assert Client().post(path, headers={"host": host}).status_code == 405


def test_other_addresses_still_check_the_host():
    for path in ("/api/movies/", "/health/", "/health/live/", "/metrics/", "/"):
        assert Client().get(path, headers={"host": "unheard-of.example"}).status_code == 400


def test_metrics_stay_closed_to_others_whatever_the_host_is():
    for host in ("localhost", "127.0.0.1", "unheard-of.example"):
        response = Client(REMOTE_ADDR="203.0.113.9").get("/metrics", headers={"host": host})
        assert response.status_code == 403
        assert b"recsys_http" not in response.content


def test_no_limit_and_no_session_is_in_the_way_of_a_probe(settings, django_assert_num_queries):
    settings.RATELIMIT_ENABLE = True
    settings.RATE_LIMITS = {**settings.RATE_LIMITS, "anonymous": ["0/s"]}
    settings.RATE_LIMIT_ROUTES = [("*", "", "api")]
    client = Client()
    client.cookies["sessionid"] = "of somebody"

    with django_assert_num_queries(0):
        assert client.get("/health/live").status_code == 200
    assert client.get("/api/movies/").status_code == 429


def test_an_experiment_without_its_version_is_degraded(model_file):
    version = make_version("retired")
    make_embedding(version, make_movie(), [1.0])
    running(treatment={"model_version": version.pk})
    before = Client().get("/health/ready").json()
    MovieEmbedding.objects.filter(version=version).delete()

    response = Client().get("/health/ready")

    assert before["status"] == "ok"
    assert (response.status_code, response.json()["status"]) == (200, "degraded")
    assert f"version {version.pk}, which is gone" in response.json()["checks"]["experiments"]


def test_a_postgresql_that_hangs_holds_one_probe_alone(monkeypatch):
    monkeypatch.setattr(health, "WAIT_SECONDS", 0.1)
    begun, go_on = threading.Event(), threading.Event()

    def hanging() -> str:
        begun.set()
        go_on.wait(10)
        return ""

    monkeypatch.setattr(health, "_select_one", hanging)
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(health._database)
        assert begun.wait(5)
        response = Client().get("/health/ready")
        assert not first.done()
        go_on.set()

    assert response.status_code == 503
    assert response.json()["checks"]["database"] == "does not answer"
    assert first.result() == ""
    assert Client().get("/health/ready").json()["checks"]["database"] == "ok"
