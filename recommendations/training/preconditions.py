"""What a training needs before it reads anything: valid settings, and folders that it may write to."""

from __future__ import annotations

import tempfile
from pathlib import Path

from django.conf import settings

from recommendations.training.attempts import RetriableTrainingError, TrainingError, unwritable
from recommendations.training.settings_check import training_problems


def settings_checked() -> None:
    """Raises TrainingError that names each invalid setting of a training.

    The system checks find them, too, but a worker starts in spite of them.
    """
    if problems := training_problems():
        raise TrainingError(" ".join(problems))


def folders_checked() -> None:
    """Raises RetriableTrainingError that names the folder of a setting where no file can be made.

    A training writes to them after minutes or hours.
    """
    folders = {"MODEL_DIR": settings.MODEL_DIR, "TRAINING_SCRATCH_DIR": settings.TRAINING_SCRATCH_DIR}
    for name, folder in folders.items():
        if not folder:
            continue
        try:
            Path(folder).mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=folder) as file:
                file.write(b"1")
        except OSError as error:
            raise RetriableTrainingError(unwritable(name, folder, error)) from error
