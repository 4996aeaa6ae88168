"""A protocol: a named way to split data and measure models, so that results are comparable."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from recommendations.algorithms.pipeline.memory import peak_memory_mib, peak_memory_reset
from recommendations.algorithms.pipeline.serving_validation import ServingValidationConfig
from recommendations.algorithms.pipeline.train import TrainingConfig
from recommendations.algorithms.rankers.next_item import NextItemConfig
from recommendations.evaluation.report import EvaluationReport

# What is served, as the nightly training makes it, without what the protocols of lists do not measure.
SERVED = TrainingConfig(
    evaluated_people=0,
    rating=None,
    next_item=NextItemConfig.nightly(),
    serving_validation=ServingValidationConfig(),
)

# Called with the current stage and the share of the run that is done, 0 to 1.
OnProgress = Callable[[str, float], None]


class ProtocolError(ValueError):
    """The data or the options do not fit the protocol; the message is for the person who started it."""


@dataclass(frozen=True, slots=True)
class Options:
    """How to run a protocol. k: measured places of the list; metadata: texts of the movies, if used."""

    k: int = 10
    seed: int = 0
    metadata: Path | None = None
    ablation: bool = False
    on_progress: OnProgress = field(default=lambda stage, share: None)

    def __post_init__(self) -> None:
        if self.k < 1:
            raise ProtocolError(f"k must be 1 or more, not {self.k}.")


@dataclass(frozen=True, slots=True)
class Protocol:
    """``run`` takes the path of the data and raises ``ProtocolError`` or ``ArchiveError`` when it does not fit."""

    run: Callable[[Path, Options], EvaluationReport]
    description: str
    # Describes PATH in help texts.
    data: str
    needs_metadata: bool = False
    can_ablate: bool = False


class Stopwatch:
    """Reports stages as they start, and measures their seconds and the peak memory since its creation."""

    def __init__(self, on_progress: OnProgress) -> None:
        self._report = on_progress
        self.seconds: dict[str, float] = {}
        peak_memory_reset()

    @contextmanager
    def stage(self, name: str, progress: float) -> Iterator[None]:
        """Time a stage; times of stages with the same name add up."""
        self._report(name, progress)
        started = time.perf_counter()
        yield
        self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - started

    def facts(self) -> dict[str, int | float | str]:
        """``seconds <stage>`` of each stage, and the peak memory."""
        rounded = {f"seconds {name}": round(seconds, 2) for name, seconds in self.seconds.items()}
        return {**rounded, "peak memory MiB": peak_memory_mib()}
