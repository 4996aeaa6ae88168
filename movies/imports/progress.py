"""The progress of an import, passed to a callback."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Progress:
    """``done`` of ``total`` units of a stage (bytes of a file, or movies); ``total`` is 0 if unknown."""

    stage: str
    done: int = 0
    total: int = 0


OnProgress = Callable[[Progress], None]


def silent(progress: Progress) -> None:
    """Ignores progress."""
