"""The dashboard's figures of work: queues, workers, and each task of the schedule with what comes next."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import structlog
from django.utils import timezone
from django_celery_beat.models import PeriodicTask
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from events.served.selectors import stream_state
from recsys_project.broker import QUEUES, broker_client
from recsys_project.staff.task_board import TaskRun, runs_read, workers_read

logger = structlog.get_logger(__name__)

# Beat writes the times of its entries into the table only every three minutes.
BEAT_SILENT_SECONDS = 600
OWN_TASKS = "workers.tasks."


def work_figures() -> dict[str, Any]:
    """Queues, workers and tasks now. Two queries and a few round trips to Redis and the broker."""
    now = timezone.now()
    try:
        runs, workers = runs_read(), workers_read()
        board = ""
    except (RedisError, OSError):
        runs, workers, board = {}, [], "Redis did not answer, so what the tasks did last is not known."
    entries = list(PeriodicTask.objects.filter(enabled=True).select_related("crontab", "interval").order_by("name"))
    beat = max((entry.last_run_at for entry in entries if entry.last_run_at), default=None)
    return {
        "problem": board,
        "queues": _queues(),
        "log": _log(),
        "workers": [
            {
                "name": worker.name,
                "queues": list(worker.queues),
                "seen": datetime.fromtimestamp(worker.seen_at, UTC),
                "silent": worker.silent,
            }
            for worker in workers
        ],
        "beat": {
            "sent": beat,
            "silent": beat is None or (now - beat).total_seconds() > BEAT_SILENT_SECONDS,
        },
        "tasks": [_task(entry, runs.get(entry.task), now) for entry in entries if entry.task.startswith(OWN_TASKS)],
    }


def _queues() -> dict[str, int] | None:
    """How many messages wait in each queue; None if the broker does not answer or is no Redis."""
    try:
        with broker_client() as client:
            return None if client is None else {name: int(client.llen(name)) for name in QUEUES}
    except (OperationalError, RedisError, OSError) as error:
        logger.warning("queues_not_read", reason=type(error).__name__)
        return None


def _log() -> dict[str, Any] | None:
    """The log of served lists that waits in Redis to be written."""
    try:
        state = stream_state()
    except (RedisError, OSError):
        return None
    return {"waiting": state.length, "oldest_seconds": state.oldest_seconds, "dead": state.dead}


def _task(entry: PeriodicTask, run: TaskRun | None, now: datetime) -> dict[str, Any]:
    return {
        "id": entry.pk,
        "name": entry.name,
        "task": entry.task,
        "schedule": str(entry.crontab.human_readable if entry.crontab else entry.interval or ""),
        "sent": entry.last_run_at,
        "next": _next(entry, now),
        "state": run.state if run else "",
        "started": datetime.fromtimestamp(run.started_at, UTC) if run else None,
        "seconds": run.seconds if run else None,
        "cause": run.cause if run else "",
        "outcome": run.outcome if run else "",
        "retry": datetime.fromtimestamp(run.retry_at, UTC) if run and run.retry_at else None,
    }


def _next(entry: PeriodicTask, now: datetime) -> datetime | None:
    """When beat sends the entry next; None for a time that does not exist, such as 30 February or the year 10000."""
    try:
        estimate = entry.schedule.remaining_estimate(entry.last_run_at or now)
    except (ValueError, AttributeError, OverflowError):
        return None
    # A full second: the estimate lies a little before the time it means.
    return (now + max(estimate, timedelta(0)) + timedelta(seconds=1)).replace(microsecond=0)
