"""Reads experiments, and what is wrong with running ones."""

from __future__ import annotations

from typing import Any

from django.core.checks import Warning as CheckWarning
from django.db import connection
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from recommendations.models import Experiment, ExperimentArm, ModelVersion, MovieEmbedding

# A version in one of these states has been trained; it can rank while its vectors are there.
TRAINED = [
    ModelVersion.Status.READY,
    ModelVersion.Status.LIVE,
    ModelVersion.Status.RETIRED,
    ModelVersion.Status.REFUSED,
]


def experiment_list() -> QuerySet[Experiment]:
    """All experiments with their arms, newest first. Two queries."""
    return Experiment.objects.prefetch_related("arms")


def experiment_by_name(name: str) -> Experiment:
    """The experiment with its arms. Raises Experiment.DoesNotExist."""
    return experiment_list().get(name=name)


def overdue() -> Q:
    """A condition on experiments that still count as running, and whose end has passed."""
    return Q(status=Experiment.Status.RUNNING, ends_at__lte=timezone.now())


def is_over(experiment: Experiment) -> bool:
    """Whether it was stopped, or its end has passed."""
    ended = experiment.ends_at is not None and experiment.ends_at <= timezone.now()
    return experiment.status == Experiment.Status.STOPPED or (experiment.status == Experiment.Status.RUNNING and ended)


def state_of(experiment: Experiment) -> str:
    """Its status; ``stopped`` also once its end has passed."""
    return str(Experiment.Status.STOPPED) if is_over(experiment) else str(experiment.status)


def versions_in_use() -> set[int]:
    """The model versions that arms of running experiments rank with. One query."""
    running = Experiment.objects.filter(status=Experiment.Status.RUNNING).exclude(overdue())
    arms = ExperimentArm.objects.filter(experiment__in=running, overrides__has_key="model_version")
    found = arms.values_list("overrides__model_version", flat=True)
    return {version for version in found if isinstance(version, int)}


def usable_versions(version_ids: set[int]) -> set[int]:
    """Those of the versions that are trained and still have their vectors. One query."""
    rows = ModelVersion.objects.filter(pk__in=version_ids, status__in=TRAINED)
    vectors = MovieEmbedding.objects.filter(version=OuterRef("pk"))
    return set(rows.filter(Exists(vectors)).values_list("pk", flat=True))


def experiment_problems() -> list[str]:
    """What is wrong with running experiments; usually nothing. Two queries at most."""
    wanted = versions_in_use()
    return [
        f"A running experiment ranks with version {version_id}, which is gone: the live version is used instead."
        for version_id in sorted(wanted - usable_versions(wanted) if wanted else ())
    ]


def check_experiments(*args: Any, databases: Any = None, **kwargs: Any) -> list[CheckWarning]:
    """A system check (``check --database default``): a warning for each problem of a running experiment."""
    # Before the migrations that create the tables, there is nothing to say.
    if not databases or Experiment._meta.db_table not in connection.introspection.table_names():
        return []
    return [CheckWarning(problem, id="recommendations.W001") for problem in experiment_problems()]
