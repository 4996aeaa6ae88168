"""What staff and operators see of a training that runs, hangs, or was rolled back."""

import json
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import call_command
from django.utils import timezone

from recommendations.models import ModelVersion, TrainingHeartbeat, VersionDecision
from recommendations.training.status import trainings_now
from recommendations.training.watch import OUTSIDE, ROLLED_BACK
from recsys_project.metrics.models import model_metrics
from tests.factories import make_version

pytestmark = pytest.mark.django_db
Status = ModelVersion.Status
Kind = VersionDecision.Kind


@pytest.fixture
def training():
    """A version in training, whose process showed 42 seconds ago that it lives."""
    version = make_version(Status.TRAINING, stage="evaluating", progress=0.43, attempts=2, started_at=timezone.now())
    at = timezone.now() - timedelta(seconds=42)
    TrainingHeartbeat.objects.create(version=version, at=at, process="there, process 7", backend=7)
    return version


def metrics() -> dict[str, float]:
    return {sample.name: sample.value for metric in model_metrics() for sample in metric.samples}


def printed(*command: str) -> str:
    out = StringIO()
    call_command("models", *command, stdout=out)
    return out.getvalue()


def test_the_list_of_versions_says_how_old_the_heartbeat_is(training, django_assert_num_queries):
    make_version(Status.FAILED, error="there is nothing to train on")
    with django_assert_num_queries(2):
        (failed, running) = json.loads(printed("list", "--json"))

    table = printed("list")
    assert "evaluating 43%, attempt 2" in table
    assert "sign of life 42 s ago" in table
    assert (running["stage"], round(running["heartbeat_seconds"])) == ("evaluating", 42)
    assert (failed["heartbeat_seconds"], failed["reason"]) == (None, "there is nothing to train on")


def test_the_details_of_a_version_name_its_process(training):
    shown = json.loads(printed("show", str(training.pk), "--json"))

    assert (shown["process"], shown["attempts"]) == ("there, process 7", 2)
    assert json.loads(printed("show", str(make_version(Status.LIVE).pk), "--json"))["process"] == ""


def test_the_page_of_a_version_says_when_its_process_last_lived(training, admin_client):
    page = admin_client.get(f"/admin/recommendations/modelversion/{training.pk}/change/").content.decode()
    news = admin_client.get("/admin/recommendations/modelversion/progress/").json()

    assert "there, process 7" in page
    assert "(42 s ago)" in page
    assert news["trainings"][0]["heartbeat_seconds"] == 42


def test_a_training_that_waits_has_no_heartbeat(training):
    ModelVersion.objects.filter(pk=training.pk).update(status=Status.REQUESTED)

    assert [row.heartbeat for row in trainings_now()] == [None]
    assert "recsys_training_heartbeat_age_seconds" not in metrics()


def test_metrics_have_the_age_of_the_heartbeat(training):
    assert round(metrics()["recsys_training_heartbeat_age_seconds"]) == 42


def test_metrics_say_when_the_watch_rolled_back():
    before, bad = make_version(Status.RETIRED), make_version(Status.REFUSED, watch={"result": ROLLED_BACK})
    VersionDecision.objects.create(version=before, kind=Kind.WITHDRAWN, reason="Odd lists")
    assert "recsys_watch_rolled_back_timestamp_seconds" not in metrics()

    decision = VersionDecision.objects.create(version=bad, kind=Kind.WITHDRAWN, reason="Rolled back by the watch: x.")

    assert metrics()["recsys_watch_rolled_back_timestamp_seconds"] == pytest.approx(decision.made_at.timestamp())


@pytest.mark.parametrize(("result", "outside"), [(f"{OUTSIDE}: no earlier version", 1), ("as before", 0), (None, 0)])
def test_metrics_say_that_the_live_version_is_outside_its_band(result, outside):
    make_version(Status.LIVE, watch={} if result is None else {"result": result})

    assert metrics()["recsys_watch_outside_band"] == outside


@pytest.mark.parametrize(("status", "failed"), [(Status.FAILED, 1), (Status.REFUSED, 0), (Status.LIVE, 0)])
def test_metrics_say_that_the_latest_training_failed(status, failed):
    make_version(Status.FAILED, finished_at=timezone.now() - timedelta(days=1))
    make_version(status, finished_at=timezone.now())

    assert metrics()["recsys_training_last_failed"] == failed
