"""The latest measurement of recall is kept for whatever shows it."""

import time

import pytest
from django.core.cache import cache

from recommendations.vectors import recall_probe
from recommendations.vectors.recall import Recall
from tests.factories import make_version
from workers.tasks.maintenance import measure_recall

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _nothing_kept():
    cache.delete(recall_probe._KEY)
    yield
    cache.delete(recall_probe._KEY)


def test_the_task_keeps_what_it_measured(monkeypatch):
    live = make_version()
    found = {live.pk: Recall(0.85, 20, "embedding_factors_1", indexed=True)}
    monkeypatch.setattr(recall_probe, "measure_recall", lambda *, version_id: found[version_id])

    assert measure_recall() == 0.85

    kept = recall_probe.recall_latest()
    assert kept is not None
    assert (kept.version_id, kept.recall, kept.sampled) == (live.pk, 0.85, 20)
    assert 0 <= time.time() - kept.measured_at < 60


def test_a_live_version_without_factors_replaces_the_figure(monkeypatch):
    cache.set(recall_probe._KEY, {"version_id": 1, "recall": 0.2, "sampled": 20, "measured_at": 1.0}, timeout=60)
    make_version()

    assert measure_recall() is None

    assert recall_probe.recall_latest() is None


def test_without_a_live_version_nothing_is_measured():
    make_version(status="retired")

    assert measure_recall() is None
    assert recall_probe.recall_latest() is None
