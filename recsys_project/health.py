"""``/health/live``: the process answers. ``/health/ready``: the services that it needs answer too."""

import threading
from collections.abc import Callable
from datetime import datetime
from typing import Any

import structlog
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, JsonResponse
from django.utils import timezone
from django.views.decorators.http import require_safe
from django_redis import get_redis_connection

from recommendations.experiments.selectors import experiment_problems
from recommendations.models import ModelVersion
from recommendations.vectors.artefacts import artefacts_problem
from recsys_project.exceptions import RETRY_AFTER_SECONDS, error_body

logger = structlog.get_logger(__name__)

# Set once all migrations are applied. They are not unapplied under a running process, and checking them is slow.
_migrated = False
# Held while a probe asks PostgreSQL.
_asking = threading.Lock()
WAIT_SECONDS = 2.0


@require_safe
def live(request: HttpRequest) -> JsonResponse:
    """200 whenever the process can answer; checks nothing else."""
    return JsonResponse({"status": "ok"})


@require_safe
def ready(request: HttpRequest) -> JsonResponse:
    """200 with the live model, or 503 in the error shape. ``checks`` says what each check found, ``failed`` names those
    that found a problem.

    Without a live version or its files, lists still work, and only moods, search by meaning and new movies are
    incomplete. That is 200 with ``degraded``: with 503, a load balancer would remove a machine that can still answer.
    """
    problems: dict[str, str] = {}
    checks = {}
    for name, check in _CHECKS.items():
        problem = check() if not (name == "migrations" and "database" in problems) else "unknown without the database"
        checks[name] = problem or "ok"
        if problem:
            problems[name] = problem
    if problems:
        fields = {name: [problem] for name, problem in problems.items()}
        body = error_body(request, code="not_ready", message=f"Not ready: {', '.join(problems)}.", fields=fields)
        found = {"status": "not_ready", "checks": checks, "failed": list(problems)}
        return JsonResponse(body | found, status=503, headers={"Retry-After": str(RETRY_AFTER_SECONDS)})
    version = live_version()
    lacking = "there is no live version" if version is None else artefacts_problem(version=version)
    checks["model_files"] = lacking or "ok"
    checks["experiments"] = " ".join(experiment_problems()) or "ok"
    failed = [name for name, found in checks.items() if found != "ok"]
    status = "degraded" if failed else "ok"
    return JsonResponse({"status": status, "checks": checks, "failed": failed, **_model(version)})


def _model(version: ModelVersion | None) -> dict[str, Any]:
    """The live version's number, the end of its training, and how many seconds ago that was; None without one."""
    trained_at = None if version is None else trained_time(version)
    return {
        "model_version": version and version.pk,
        "trained_at": trained_at and trained_at.isoformat(),
        "age_seconds": trained_at and max(0, round((timezone.now() - trained_at).total_seconds())),
    }


def _database() -> str:
    # A PostgreSQL that hangs has no time-out; it holds one probe of the process, and the others say so.
    if not _asking.acquire(timeout=WAIT_SECONDS):
        return "does not answer"
    try:
        return _guarded("database", _select_one)
    finally:
        _asking.release()


def _select_one() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return ""


def _redis() -> str:
    return _guarded("redis", lambda: "" if get_redis_connection("default").ping() else "does not answer")


def _migrations() -> str:
    global _migrated  # noqa: PLW0603 -- a fact about the whole process.
    if _migrated:
        return ""

    def open_migrations() -> str:
        executor = MigrationExecutor(connection)
        plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
        return f"{len(plan)} not applied" if plan else ""

    problem = _guarded("migrations", open_migrations)
    _migrated = not problem
    return problem


def _guarded(name: str, check: Callable[[], str]) -> str:
    """Runs a check; returns the problem, without details that must not be public, or "". Logs exceptions."""
    try:
        return check()
    except Exception as error:
        logger.warning("health_check_failed", check=name, error=str(error))
        return "unreachable"


def live_version() -> ModelVersion | None:
    """The live version with only its id, times and artefacts loaded; None without one."""
    return ModelVersion.objects.live().only("pk", "artefacts", "created_at", "finished_at").first()


def trained_time(version: ModelVersion) -> datetime:
    """When the version's training ended."""
    return version.finished_at or version.created_at


_CHECKS: dict[str, Callable[[], str]] = {"database": _database, "redis": _redis, "migrations": _migrations}
