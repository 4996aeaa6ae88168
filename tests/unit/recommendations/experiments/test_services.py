"""Drafts, starts and stops: what is allowed, and what each leaves in the database."""

from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.backends.postgresql.psycopg_any import NumericRange
from django.utils import timezone

from movies.models import CacheInvalidation
from recommendations.experiments.selectors import check_experiments, state_of, versions_in_use
from recommendations.experiments.services import NewArm, experiment_start, experiment_stop, experiment_update
from recommendations.models import Experiment, MovieEmbedding
from recommendations.training.publishing import versions_prune
from tests.factories import make_embedding, make_movie, make_version
from tests.unit.recommendations.experiments.factories import draft, running

pytestmark = pytest.mark.django_db
CONTROL = NewArm("control", control=True)


def refused(field: str, **fields) -> str:
    with pytest.raises(ValidationError) as error:
        draft(**fields)
    assert not Experiment.objects.exists()
    return " ".join(error.value.message_dict[field])


def test_a_draft_is_stored_with_its_arms():
    draft("longer-lists", description="Why")

    experiment = Experiment.objects.get(name="longer-lists")
    assert (experiment.status, experiment.metric, experiment.effect) == ("draft", "click_through", 0.01)
    assert list(experiment.arms.values_list("name", "control", "weight")) == [
        ("control", True, 1),
        ("treatment", False, 1),
    ]
    assert experiment.buckets is None


@pytest.mark.parametrize(
    ("fields", "field", "message"),
    [
        ({"share": 0.0}, "share", "From 0.0001 to 1"),
        ({"share": 1.5}, "share", "From 0.0001 to 1"),
        ({"share": float("nan")}, "share", "From 0.0001 to 1"),
        ({"effect": 0.0}, "effect", "above 0"),
        ({"effect": float("inf")}, "effect", "above 0"),
        ({"metric": "revenue"}, "metric", "not a valid choice"),
        ({"name": "two words"}, "name", "valid"),
        ({"ends_at": timezone.now() - timedelta(days=1)}, "ends_at", "past"),
        ({"arms": [CONTROL]}, "arms", "2 to 10"),
        ({"arms": [CONTROL, NewArm("other", control=True)]}, "arms", "Exactly one"),
        ({"arms": [NewArm("a"), NewArm("b")]}, "arms", "Exactly one"),
        ({"arms": [CONTROL, NewArm("control")]}, "arms", "same name"),
        ({"arms": [CONTROL, NewArm("other", weight=0)]}, "arms", "weight"),
        ({"treatment": {"divrsity": 0.5}}, "arms", "has no 'divrsity'"),
        ({"treatment": {"diversity": 2}}, "arms", "from 0 to 1"),
        ({"treatment": {"blend": {"batch": 0, "realtime": 0}}}, "arms", "both be 0"),
        ({"treatment": {"blend": {"batch": -1}}}, "arms", "below 0"),
        ({"treatment": {"exploration_places": 15}}, "arms", "from 0 to 14"),
        ({"treatment": {"holdout": True, "diversity": 0.5}}, "arms", "nothing else"),
        ({"treatment": {"model_version": "3"}}, "arms", "whole number"),
    ],
)
def test_what_cannot_run_is_refused(fields, field, message):
    assert message in refused(field, **fields)


def test_a_name_is_used_once():
    draft("same")

    with pytest.raises(ValidationError):
        draft("same")
    assert Experiment.objects.count() == 1


def test_starting_reserves_buckets_and_changes_the_catalogue():
    experiment = draft(share=0.25)
    changes = CacheInvalidation.objects.count()

    experiment_start(experiment=experiment)

    experiment.refresh_from_db()
    assert (experiment.status, experiment.buckets) == ("running", NumericRange(0, 2500))
    assert experiment.started_at is not None
    assert CacheInvalidation.objects.count() == changes + 1


def test_running_experiments_never_overlap():
    first, second = running("first", share=0.6), running("second", share=0.4)

    assert first.buckets.upper == second.buckets.lower
    with pytest.raises(ValidationError, match=r"leave 0\.00%"):
        running("third", share=0.1)
    assert Experiment.objects.get(name="third").status == "draft"


def test_the_database_refuses_an_overlap():
    running("first", share=0.6)

    with pytest.raises(IntegrityError), transaction.atomic():
        Experiment.objects.create(
            name="second", effect=1, status="running", started_at=timezone.now(), buckets=NumericRange(5999, 7000)
        )


def test_a_stop_frees_the_buckets():
    experiment_stop(experiment=running("first"))

    assert running("second").buckets == NumericRange(0, 10_000)


def test_a_passed_end_frees_the_buckets():
    first = running("first")
    ended = timezone.now() - timedelta(minutes=1)
    experiment_update(experiment=first, ends_at=ended)

    running("second")

    first.refresh_from_db()
    assert (first.status, first.stopped_at) == ("stopped", ended)


def test_an_experiment_starts_once():
    experiment = running()
    with pytest.raises(ValidationError, match="only a draft"):
        experiment_start(experiment=experiment)
    stopped = experiment_stop(experiment=experiment)

    with pytest.raises(ValidationError, match="only a draft"):
        experiment_start(experiment=experiment)
    assert experiment_stop(experiment=experiment).stopped_at == stopped.stopped_at


def test_a_draft_cannot_be_stopped():
    experiment = draft()

    with pytest.raises(ValidationError, match="never started"):
        experiment_stop(experiment=experiment)
    assert Experiment.objects.get().status == "draft"


def test_a_draft_changes_freely():
    experiment = draft()

    experiment_update(experiment=experiment, metric="hours", arms=[CONTROL, NewArm("a"), NewArm("b")])

    experiment.refresh_from_db()
    assert (experiment.metric, experiment.effect) == ("hours", 0.25)
    assert list(experiment.arms.values_list("name", flat=True)) == ["control", "a", "b"]


@pytest.mark.parametrize("change", [{"share": 0.5}, {"metric": "hours"}, {"arms": [CONTROL, NewArm("a")]}])
def test_a_running_experiment_keeps_what_is_measured(change):
    experiment = running()

    with pytest.raises(ValidationError, match="cannot change"):
        experiment_update(experiment=experiment, **change)

    experiment.refresh_from_db()
    assert (experiment.share, experiment.metric, experiment.arms.count()) == (1.0, "click_through", 2)
    assert experiment.arms.last().name == "treatment"


def test_a_passed_end_counts_as_stopped():
    experiment = running()
    experiment_update(experiment=experiment, ends_at=timezone.now() - timedelta(seconds=1))

    assert state_of(Experiment.objects.get()) == "stopped"


def test_a_version_without_vectors_cannot_be_started():
    experiment = draft(treatment={"model_version": make_version("retired").pk})

    with pytest.raises(ValidationError, match="no model version"):
        experiment_start(experiment=experiment)
    assert Experiment.objects.get().status == "draft"


@pytest.fixture
def version_in_use(transactional_db):
    """An old version that a running experiment ranks with."""
    version, movie = make_version("retired", live_at=timezone.now() - timedelta(days=9)), make_movie()
    make_embedding(version, movie, [1.0])
    for days in (1, 2):
        newer = make_version("retired", live_at=timezone.now() - timedelta(days=days))
        make_embedding(newer, movie, [1.0])
    running(treatment={"model_version": version.pk})
    return version


def test_pruning_keeps_a_version_in_use(version_in_use):
    versions_prune()

    assert versions_in_use() == {version_in_use.pk}
    assert MovieEmbedding.objects.filter(version=version_in_use).exists()


def test_pruning_takes_it_after_the_stop(version_in_use):
    experiment_stop(experiment=Experiment.objects.get())
    versions_prune()

    assert not MovieEmbedding.objects.filter(version=version_in_use).exists()


def test_a_check_names_a_version_that_is_gone(version_in_use):
    assert check_experiments(databases=["default"]) == []
    MovieEmbedding.objects.filter(version=version_in_use).delete()

    [warning] = check_experiments(databases=["default"])

    assert f"version {version_in_use.pk}, which is gone" in warning.msg
    assert check_experiments() == []
