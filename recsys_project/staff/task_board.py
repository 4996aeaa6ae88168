"""What each task did last and which workers are there, in Redis, for the dashboard.

Workers write as they work, and never fail for it: without Redis nothing is noted.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import orjson
import structlog
from django.core.cache import cache
from django_redis import get_redis_connection
from redis.exceptions import RedisError

logger = structlog.get_logger(__name__)

RUNNING, DONE, FAILED, RETRY = "running", "done", "failed", "retry"
# Seconds between a worker's signs of life, and after which one counts as gone.
HEARTBEAT = 10.0
SILENT = 45.0
_FORGOTTEN = 86_400.0
_MAX_CAUSE = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskRun:
    """The latest run of a task. Times are seconds since 1970; cause: the error's kind and text; retry_at: of a run that
    is tried again; outcome: what a finished run did, if the task returns that in words."""

    task: str
    state: str
    started_at: float
    finished_at: float | None = None
    cause: str = ""
    retry_at: float | None = None
    outcome: str = ""

    @property
    def seconds(self) -> float | None:
        """How long the run took; None while it runs."""
        return None if self.finished_at is None else self.finished_at - self.started_at


@dataclass(frozen=True, slots=True, kw_only=True)
class Worker:
    """A worker process and the queues that it reads. seen_at: its last sign of life, seconds since 1970."""

    name: str
    queues: tuple[str, ...]
    seen_at: float

    @property
    def silent(self) -> bool:
        """Whether it has given no sign of life for so long that it is probably gone."""
        return time.time() - self.seen_at > SILENT


def run_note(run: TaskRun) -> None:
    """Replaces what is known of the task's latest run."""
    _write("runs", run.task, {**asdict(run), "cause": run.cause[:_MAX_CAUSE], "outcome": run.outcome[:_MAX_CAUSE]})


def success_note(task: str, *, at: float) -> None:
    """Notes when the task last succeeded, in seconds since 1970."""
    _write("successes", task, at)


def worker_note(worker: Worker) -> None:
    """Notes that the worker is there."""
    _write("workers", worker.name, {**asdict(worker), "queues": list(worker.queues)})


def worker_forget(name: str) -> None:
    """Drops a worker that ends as it should."""
    try:
        get_redis_connection("default").hdel(_key("workers"), name)
    except (RedisError, OSError) as error:
        logger.warning("task_board_away", reason=type(error).__name__)


def runs_read() -> Mapping[str, TaskRun]:
    """The latest run of each task, by the task's name. One round trip. Raises RedisError."""
    return {name: TaskRun(**noted) for name, noted in _read("runs").items()}


def successes_read() -> Mapping[str, float]:
    """When each task last succeeded, in seconds since 1970, by name. One round trip. Raises RedisError."""
    noted = get_redis_connection("default").hgetall(_key("successes"))
    return {name.decode(): float(orjson.loads(text)) for name, text in noted.items()}


def workers_read() -> list[Worker]:
    """The workers of the last day, by name. One round trip. Raises RedisError."""
    workers = [Worker(**{**noted, "queues": tuple(noted["queues"])}) for noted in _read("workers").values()]
    oldest = time.time() - _FORGOTTEN
    return sorted((worker for worker in workers if worker.seen_at > oldest), key=lambda worker: worker.name)


def _write(board: str, name: str, noted: Mapping[str, Any] | float) -> None:
    try:
        get_redis_connection("default").hset(_key(board), name, orjson.dumps(noted))
    except (RedisError, OSError) as error:
        logger.warning("task_board_away", reason=type(error).__name__)


def _read(board: str) -> dict[str, dict[str, Any]]:
    """What is noted, without what another release wrote in another form."""
    found: dict[str, dict[str, Any]] = {}
    for name, text in get_redis_connection("default").hgetall(_key(board)).items():
        try:
            noted = orjson.loads(text)
        except ValueError:
            continue
        expected = set((TaskRun if board == "runs" else Worker).__dataclass_fields__)
        if isinstance(noted, dict) and set(noted) == expected:
            found[name.decode()] = noted
    return found


def _key(board: str) -> str:
    return cache.make_key(f"task-board:{board}")
