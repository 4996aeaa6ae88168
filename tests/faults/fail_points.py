"""Faults that a test arms in a trainer: ``celery worker --include tests.faults.fail_points``.

Each line of FAIL_POINT_FILE happens once, in their order, when the named point is reached. It is ``ACTION POINT``:

- ACTION is ``kill`` (as ``kill -9`` does), ``stop`` (as SIGSTOP), ``sleep`` or ``hang`` (deaf to signals);
- POINT is ``stage NAME``, as a stage of a training begins; ``before MODULE:FUNCTION`` or ``after MODULE:FUNCTION``.
"""

import functools
import importlib
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from recommendations.training.progress import Progress
from tests.faults.points import FUNCTIONS

_FILE = Path(os.environ["FAIL_POINT_FILE"])


def reach(point: str) -> None:
    """Does what is armed for this point, and disarms it."""
    try:
        first, *rest = _FILE.read_text().splitlines()
    except (FileNotFoundError, ValueError):
        return
    action, _, armed = first.partition(" ")
    if armed != point:
        return
    _FILE.write_text("\n".join(rest))
    _note(action, point)
    if action == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    elif action == "stop":
        os.kill(os.getpid(), signal.SIGSTOP)
    elif action == "sleep":
        time.sleep(3600)
    elif action == "hang":
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1, signal.SIGTERM})
        time.sleep(3600)


def _note(action: str, point: str) -> None:
    """Says that the point was reached, with the process id and the time."""
    reached = _FILE.with_suffix(".reached")
    partial = _FILE.with_suffix(".partial")
    partial.write_text(f"{os.getpid()} {time.time()} {action} {point}")
    partial.rename(reached)


def _watched(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def watched(*args: Any, **kwargs: Any) -> Any:
        reach(f"before {name}")
        result = function(*args, **kwargs)
        reach(f"after {name}")
        return result

    return watched


def _watch_functions() -> None:
    for name in FUNCTIONS:
        module_name, _, attribute = name.partition(":")
        module = importlib.import_module(module_name)
        setattr(module, attribute, _watched(name, getattr(module, attribute)))


def _watch_stages() -> None:
    begin = Progress.__call__

    def began(self: Progress, stage: str, progress: float) -> None:
        begin(self, stage, progress)
        reach(f"stage {stage}")

    Progress.__call__ = began  # type: ignore[method-assign]


_watch_functions()
_watch_stages()
