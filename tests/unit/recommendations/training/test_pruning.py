"""Rows and files of superseded versions go after the flip, in batches, and a failure costs nobody anything."""

import logging
from contextlib import contextmanager

import psycopg
import pytest
from django.core.exceptions import ValidationError
from django.db import OperationalError, connection

from movies.db import advisory_locks as locks
from recommendations.models import BatchRecommendation, ModelVersion, MovieEmbedding, PopularMovie
from recommendations.training import nightly, publishing
from recommendations.training import services as training
from tests.factories import make_version

Status = ModelVersion.Status
DELETES_LISTS = 'DELETE FROM "batch_recommendations"'


@contextmanager
def before_lists_are_deleted(happens):
    """Have something happen before each statement that deletes lists."""

    def wrapper(execute, sql, params, many, context):
        if sql.startswith(DELETES_LISTS):
            happens()
        return execute(sql, params, many, context)

    with connection.execute_wrapper(wrapper):
        yield


def database_fails() -> None:
    raise OperationalError("canceling statement due to statement timeout")


def superseded(settings) -> set[int]:
    """Versions that are neither live nor kept, and have rows or files."""
    with_rows = {*BatchRecommendation.objects.values_list("version_id", flat=True)}
    with_rows |= {*MovieEmbedding.objects.values_list("version_id", flat=True)}
    with_rows |= {int(path.name) for path in settings.MODEL_DIR.iterdir()}
    return with_rows - {*ModelVersion.objects.order_by("-pk").values_list("pk", flat=True)[:2]}


@pytest.mark.django_db(transaction=True)
def test_lists_are_deleted_in_batches_while_others_may_publish(committed_world, monkeypatch, settings):
    monkeypatch.setattr(publishing, "LISTS_PER_DELETE", 5, raising=False)
    first, _ = training.training_run(), training.training_run()
    seen = []

    def look():
        with psycopg.connect(**connection.get_connection_params(), autocommit=True) as other:
            key = [locks._NAMESPACE, locks._key("publishing")]
            (free,) = other.execute("SELECT pg_try_advisory_xact_lock(%s, %s)", key).fetchone()
            where = "WHERE version_id = %s"
            (left,) = other.execute(f"SELECT count(*) FROM batch_recommendations {where}", [first.pk]).fetchone()
            seen.append((free, left))

    with before_lists_are_deleted(look):
        training.training_run()

    assert seen == [(True, 12), (True, 7), (True, 2)]
    assert superseded(settings) == set()


@pytest.mark.django_db(transaction=True)
def test_a_version_half_dropped_cannot_be_published(committed_world):
    first, _ = training.training_run(), training.training_run()
    refused = []

    def publish():
        with pytest.raises(ValidationError, match="are gone"):
            publishing.version_publish(version=first)
        refused.append(first.pk)

    with before_lists_are_deleted(publish):
        third = training.training_run()

    assert refused == [first.pk]
    assert ModelVersion.objects.get(status=Status.LIVE) == third


@pytest.mark.django_db(transaction=True)
def test_failed_pruning_is_a_warning_and_the_next_sweep_retries(committed_world, caplog, settings):
    training.training_run()
    training.training_run()
    PopularMovie.objects.all().delete()

    with before_lists_are_deleted(database_fails):
        third = training.training_run()

    assert third.status == Status.LIVE
    assert ModelVersion.objects.get(status=Status.LIVE) == third
    assert PopularMovie.objects.exists()
    (record,) = [record for record in caplog.records if "versions_not_pruned" in record.getMessage()]
    assert record.levelno == logging.WARNING
    assert "statement timeout" in caplog.text
    assert superseded(settings)

    assert nightly.training_run_due(slot=None) is None

    assert superseded(settings) == set()


@pytest.mark.django_db(transaction=True)
def test_staff_make_a_version_live_although_pruning_fails(committed_world):
    first, _ = training.training_run(), training.training_run()
    leftover = make_version(Status.FAILED)
    person = committed_world.people[0]
    BatchRecommendation.objects.create(version=leftover, user=person, movie_ids=[1], scores=[1.0])

    with before_lists_are_deleted(database_fails):
        assert publishing.version_rollback() == first

    assert ModelVersion.objects.get(status=Status.LIVE) == first
    assert BatchRecommendation.objects.filter(version=leftover).exists()


def test_lists_that_a_broken_off_attempt_left_are_replaced(world):
    waiting = make_version(Status.REQUESTED, trigger="nightly", attempts=1)
    left = BatchRecommendation.objects.create(version=waiting, user=world.people[0], movie_ids=[1], scores=[1.0])

    version = training.training_run(version=waiting)

    assert version.status == Status.LIVE
    assert BatchRecommendation.objects.filter(version=version).count() == 12
    assert not BatchRecommendation.objects.filter(pk=left.pk).exists()
