"""Writes the task board from Celery's signals, in workers."""

from __future__ import annotations

import time
from typing import Any

from celery import signals

from recsys_project.staff.task_board import (
    DONE,
    FAILED,
    HEARTBEAT,
    RETRY,
    RUNNING,
    TaskRun,
    Worker,
    run_note,
    success_note,
    worker_forget,
    worker_note,
)

_worker: dict[str, Any] = {"name": "", "queues": (), "noted": 0.0}


def connect() -> None:
    """Connects the signals; called once in each worker."""
    signals.task_prerun.connect(_started)
    signals.task_success.connect(_done)
    signals.task_failure.connect(_failed)
    signals.task_retry.connect(_retried)
    signals.worker_ready.connect(_ready)
    signals.heartbeat_sent.connect(_alive)
    signals.worker_shutdown.connect(_ended)


def _started(task: Any, **kwargs: Any) -> None:
    task.request._noted_at = time.time()
    run_note(TaskRun(task=task.name, state=RUNNING, started_at=task.request._noted_at))


def _done(sender: Any, result: Any = None, **kwargs: Any) -> None:
    _finish(sender, DONE, outcome=result if isinstance(result, str) else "")
    success_note(sender.name, at=time.time())


def _failed(sender: Any, exception: BaseException | None = None, **kwargs: Any) -> None:
    _finish(sender, FAILED, cause=_text(exception))


def _retried(sender: Any, reason: Any = None, **kwargs: Any) -> None:
    when = getattr(reason, "when", None)
    retry_at = time.time() + when if isinstance(when, int | float) else getattr(when, "timestamp", lambda: None)()
    _finish(sender, RETRY, cause=_text(getattr(reason, "exc", None)), retry_at=retry_at)


def _finish(task: Any, state: str, **found: Any) -> None:
    """found: of TaskRun, the cause, the outcome, and when it is tried again."""
    now = time.time()
    started = getattr(task.request, "_noted_at", now)
    run_note(TaskRun(task=task.name, state=state, started_at=started, finished_at=now, **found))


def _text(error: BaseException | None) -> str:
    """The kind and the first line of its text, which may be long."""
    if error is None:
        return ""
    first = str(error).partition("\n")[0]
    return f"{type(error).__name__}: {first}" if first else type(error).__name__


def _ready(sender: Any, **kwargs: Any) -> None:
    consumer = getattr(sender, "task_consumer", None)
    queues = tuple(sorted(queue.name for queue in getattr(consumer, "queues", ())))
    _worker.update(name=str(sender.hostname), queues=queues, noted=0.0)
    _alive()


def _alive(**kwargs: Any) -> None:
    """Every two seconds; notes it less often."""
    now = time.monotonic()
    if _worker["name"] and (not _worker["noted"] or now - _worker["noted"] >= HEARTBEAT):
        _worker["noted"] = now
        worker_note(Worker(name=_worker["name"], queues=_worker["queues"], seen_at=time.time()))


def _ended(**kwargs: Any) -> None:
    if _worker["name"]:
        worker_forget(_worker["name"])
