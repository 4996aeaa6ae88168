"""How far a training is: its stage and share in the version's row, where staff follow it, and its times."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import structlog

from recommendations.models import ModelVersion
from recommendations.training.attempts import attempt_owned

logger = structlog.get_logger(__name__)

OnProgress = Callable[[str, float], None]

# Reading is the first tenth of a training and writing the last three; the pipeline's own stages lie between.
READ_SHARE = 0.1
WRITE_SHARE = 0.7
VECTORS_SHARE = 0.9
FILES_SHARE = 0.97
COMPARED_SHARE = 0.99


class Progress:
    """Writes each stage to the version's row, logs it, and passes it to ``on_progress``. ``seconds``: see timed."""

    def __init__(self, version: ModelVersion, on_progress: OnProgress | None, log_stages: bool) -> None:
        self.version = version
        self.on_progress = on_progress
        self.log_stages = log_stages
        self.seconds: dict[str, float] = {}

    def __call__(self, stage: str, progress: float) -> None:
        """A stage begins; ``progress`` is the share done before it, 0 to 1. Raises LockLostError."""
        self.version.stage, self.version.progress = stage, round(progress, 3)
        with attempt_owned(self.version):
            self.version.save(update_fields=["stage", "progress"])
        if self.log_stages:
            logger.info("training_stage", version=self.version.pk, stage=stage, progress=progress)
        if self.on_progress is not None:
            self.on_progress(stage, progress)

    def of_pipeline(self, stage: str, progress: float) -> None:
        """A stage of the pipeline, whose own share counts from 0 to 1. Raises LockLostError."""
        self(stage, READ_SHARE + (WRITE_SHARE - READ_SHARE) * progress)

    @contextmanager
    def timed(self, step: str) -> Iterator[None]:
        """Adds the seconds that the block takes to ``seconds``."""
        started = time.monotonic()
        yield
        self.seconds[step] = time.monotonic() - started
