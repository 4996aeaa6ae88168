"""Everybody's feedback as interactions, read and merged in blocks of people."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from django.conf import settings

from events.training_data import training_data_blocks
from recommendations.algorithms.feedback import FeedbackConfig
from recommendations.algorithms.feedback_blocks import merge_blocks
from recommendations.algorithms.interactions import Interactions
from recommendations.training.data_checks import feedback_checked


def interactions_read(*, config: FeedbackConfig) -> Interactions:
    """All feedback in the database, weighed by ``config``, ordered. One query.

    Long columns are mapped from files without a name in TRAINING_SCRATCH_DIR: 27 bytes an entry on the disk, and while
    it reads 8 more. Memory: a block of people, and the catalogue. Raises TrainingError where there is nothing to train
    on or a rating is none, OSError when the disk is full.
    """
    folder = Path(settings.TRAINING_SCRATCH_DIR or settings.MODEL_DIR)
    with closing(training_data_blocks()) as blocks:
        return merge_blocks(feedback_checked(blocks), config=config, folder=folder)
