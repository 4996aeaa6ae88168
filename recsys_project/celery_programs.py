"""Celery's worker and beat, which print no banner and no words of their own: everything they say is a log line."""

import json
import os
import sys
from datetime import UTC, datetime
from typing import Any

from celery.apps import beat, worker

_LOGGER = "celery.apps.worker"


class Worker(worker.Worker):
    """A worker without the banner, which is no log line; the line ``ready`` names the worker."""

    def on_before_init(self, quiet: bool = False, **kwargs: Any) -> None:
        super().on_before_init(quiet=True, **kwargs)


class Beat(beat.Beat):
    """A beat without the banner."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{**kwargs, "quiet": True})


def say_as_json(message: str, _stream: Any = None) -> None:
    """What Celery prints in signal handlers, as a log line on standard error.

    Written to the descriptor, as Celery does: a handler may interrupt a thread that holds the logger's lock.
    """
    line = {
        "event": message.strip(),
        "logger": _LOGGER,
        "level": "info",
        "timestamp": datetime.now(UTC).isoformat().replace("+00:00", "Z"),
    }
    try:
        os.write(sys.__stderr__.fileno() if sys.__stderr__ else 2, f"{json.dumps(line)}\n".encode())
    except OSError:
        # A closed standard error must not keep a worker from ending.
        return


def log_signals() -> None:
    """Lets the worker's signal handlers log instead of printing."""
    worker.safe_say = say_as_json  # type: ignore[attr-defined]  # Missing from the stubs.
