"""Measured seconds and their limits. ``bin/faults`` prints them, and fails where a limit is missed."""

import os
from dataclasses import dataclass

# bin/faults sets it: every phase and fail point, long outages, and limits that count.
FULL = os.environ.get("FAULTS") == "full"


@dataclass(frozen=True, slots=True)
class Figure:
    """What was measured; limit and value in ``unit``."""

    what: str
    value: float
    limit: float
    unit: str = "s"

    @property
    def missed(self) -> bool:
        return not self.value <= self.limit


figures: list[Figure] = []


def measured(what: str, value: float, *, limit: float, unit: str = "s") -> None:
    """Keeps a figure for the table. A short run never fails by it: its machine is busy with other tests."""
    figures.append(Figure(what, value, limit, unit))


def table() -> list[str]:
    """The figures, in the order in which they were measured."""
    if not figures:
        return []
    width = max(len(figure.what) for figure in figures)
    return [
        f"{figure.what:<{width}}  {figure.value:>8.2f} {figure.unit:<3} of {figure.limit:g}"
        f"{'   MISSED' if figure.missed else ''}"
        for figure in figures
    ]
