"""How far an import has come, for whoever shows it."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Progress:
    """``done`` of ``total`` in whatever the stage counts (bytes of a file, movies); ``total`` 0 when unknown."""

    stage: str
    done: int = 0
    total: int = 0


OnProgress = Callable[[Progress], None]


def silent(progress: Progress) -> None:
    """Shows nothing."""
