"""Counts and times every task, Celery's own too: the class at the bottom of all task classes."""

from __future__ import annotations

import time
from typing import Any

from celery import Task
from celery.exceptions import Ignore, Reject, Retry
from prometheus_client import Counter, Histogram

TASKS = Counter(
    "recsys_tasks_total", "Runs of tasks by result: succeeded, failed, retried, dropped, ignored.", ["task", "result"]
)
SECONDS = Counter("recsys_task_seconds_total", "Seconds that tasks ran, by task.", ["task"])
WAIT = Histogram(
    "recsys_task_wait_seconds",
    "From sending a task to its start, without the time that it was told to wait.",
    buckets=(0.1, 1.0, 10.0, 60.0, 600.0),
)
SUCCEEDED, FAILED, RETRIED, DROPPED, IGNORED = "succeeded", "failed", "retried", "dropped", "ignored"
# The header in which a task message says when it was sent, in seconds since 1970.
SENT_AT = "sent_at"


class MeasuredTask(Task):
    """Counts each run in the process that runs it, whatever comes of it. A killed run is not counted."""

    abstract = True

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self.request.called_directly:
            return self.run(*args, **kwargs)
        _observe_wait(self.request)
        started, result = time.perf_counter(), FAILED
        try:
            returned = self.run_delivered(*args, **kwargs)
            result = getattr(self.request, "_result", SUCCEEDED)
        except Retry:
            result = RETRIED
            raise
        except (Ignore, Reject):
            result = IGNORED
            raise
        finally:
            TASKS.labels(self.name, result).inc()
            SECONDS.labels(self.name).inc(time.perf_counter() - started)
        return returned

    def run_delivered(self, *args: Any, **kwargs: Any) -> Any:
        """Runs the task that a message asks for."""
        return self.run(*args, **kwargs)

    def mark_dropped(self) -> None:
        """Has the present run counted as dropped instead of succeeded."""
        self.request.update(_result=DROPPED)


def _observe_wait(request: Any) -> None:
    sent_at = getattr(request, SENT_AT, None)
    if isinstance(sent_at, int | float) and not request.eta and not request.retries:
        WAIT.observe(max(0.0, time.time() - sent_at))
