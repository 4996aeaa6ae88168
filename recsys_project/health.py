"""``/health/live``: the process answers. ``/health/ready``: what it needs answers too, and what else it lacks."""

from collections.abc import Callable

import structlog
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, JsonResponse
from django.views.decorators.http import require_safe
from django_redis import get_redis_connection

from recommendations.models import ModelVersion
from recommendations.vectors.artefacts import artefacts_problem
from recsys_project.exceptions import RETRY_AFTER_SECONDS, error_body

logger = structlog.get_logger(__name__)

# Set once no migration is open: they cannot come undone under a running process, and reading them takes long.
_migrated = False


@require_safe
def live(request: HttpRequest) -> JsonResponse:
    """200 while the process can answer at all; depends on nothing."""
    return JsonResponse({"status": "ok"})


@require_safe
def ready(request: HttpRequest) -> JsonResponse:
    """200 with the live model's version, or 503 in the error shape, naming each part that fails.

    Without the model's files lists still answer, and only moods, search by meaning and new movies lack something: that
    is 200, ``degraded``, for a machine that is taken away answers nobody.
    """
    problems: dict[str, list[str]] = {}
    checks = {}
    for name, check in _CHECKS.items():
        problem = check() if not (name == "migrations" and "database" in problems) else "unknown without the database"
        checks[name] = problem or "ok"
        if problem:
            problems[name] = [problem]
    if problems:
        body = error_body(request, code="not_ready", message=f"Not ready: {', '.join(problems)}.", fields=problems)
        return JsonResponse(body | {"checks": checks}, status=503, headers={"Retry-After": str(RETRY_AFTER_SECONDS)})
    version = live_version()
    lacking = artefacts_problem(version=version) if version is not None else ""
    checks["model_files"] = lacking or "ok"
    status = "degraded" if lacking else "ok"
    return JsonResponse({"status": status, "checks": checks, "model_version": version and version.pk})


def _database() -> str:
    return _guarded("database", _select_one)


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
    """What is wrong, in words that are safe to show to anyone; the rest goes to the log."""
    try:
        return check()
    except Exception as error:
        logger.warning("health_check_failed", check=name, error=str(error))
        return "unreachable"


def live_version() -> ModelVersion | None:
    """The live version, as far as its files go."""
    return ModelVersion.objects.live().only("pk", "artefacts").first()


_CHECKS: dict[str, Callable[[], str]] = {"database": _database, "redis": _redis, "migrations": _migrations}
