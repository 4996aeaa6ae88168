"""What a check of the doctor finds."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How bad a finding is. UNKNOWN: it could not be checked, which says nothing about it."""

    OK = "ok"
    UNKNOWN = "unknown"
    WARNING = "warning"
    PROBLEM = "problem"


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found, and what to do about it where something is wrong. Holds no passwords or keys.

    usable: whether checks that need this one can run with this problem.
    """

    check: str
    level: Level
    message: str
    advice: str = ""
    usable: bool = False


@dataclass(frozen=True, slots=True)
class Check:
    """A check by its name. needs: the checks without a problem of which it cannot run."""

    name: str
    run: Callable[[], Iterable[Finding]]
    needs: tuple[str, ...] = ()
