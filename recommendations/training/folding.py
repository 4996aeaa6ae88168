"""Between nights: folds what people did since the training into their rows of the live version.

The same model, asked again: no version is trained, and no row of another version is touched.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import structlog
from django.conf import settings
from django.utils import timezone

from events.training_data import training_data_read
from movies.db.advisory_locks import session_lock
from movies.models import Movie
from recommendations.algorithms.configs import ConfigError, config_from_json
from recommendations.algorithms.feedback import FeedbackConfig, feedback_merge
from recommendations.algorithms.model_files import ModelFileError
from recommendations.algorithms.pipeline.list_folding import ListFolder
from recommendations.models import ModelVersion
from recommendations.training.folded_rows import (
    FoldStoppedError,
    database_time,
    nightly_ratings,
    people_due,
    rows_update,
)
from recommendations.vectors.artefacts import list_folder_load

logger = structlog.get_logger(__name__)

LOCK = "folding lists"
# People a block, fewer with a large catalogue: a block's scores take 12 bytes for each person and movie.
MAX_BLOCK = 500
_BLOCK_SCORES = 5_000_000
# Called with the number of people who are done, and of all.
OnProgress = Callable[[int, int], None]


class FoldingError(Exception):
    """Lists cannot be folded. The message is written for staff."""


@dataclass(frozen=True, slots=True)
class FoldOutcome:
    """What a run did.

    version_id: None without a live version; due: people whose list was older than what they did; folded: lists that
    were replaced; left: people whose row is gone or who paused meanwhile, and those for whom no movie is left; stopped:
    why the run ended before it was through; seconds: how long it took.
    """

    version_id: int | None = None
    due: int = 0
    folded: int = 0
    left: int = 0
    stopped: str = ""
    seconds: float = 0.0

    @property
    def waiting(self) -> int:
        """People whose lists wait for the next run."""
        return self.due - self.folded - self.left

    def __str__(self) -> str:
        if self.version_id is None:
            return f"nothing folded: {self.stopped}"
        text = f"{self.folded:,} of {self.due:,} lists of version {self.version_id} folded in {self.seconds:.1f} s"
        if self.left:
            text += f", {self.left:,} left as they are"
        if self.waiting:
            text += f", {self.waiting:,} wait"
        return f"{text}; stopped: {self.stopped}" if self.stopped else text


def lists_fold(*, limit: int | None = None, on_progress: OnProgress = lambda done, total: None) -> FoldOutcome:
    """Fold what people did since the live version's training, or their last fold, into their rows; oldest first.

    limit: the most people, FOLD_MAX_PEOPLE by default; the others wait for the next run. Works in blocks, each written
    in a transaction of its own, and stops without an error while a version is published or when another is live. Must
    not run inside a transaction. Raises FoldingError where the live version keeps no model of lists, or a damaged one.
    """
    started = time.monotonic()
    with session_lock(LOCK) as held:
        if not held:
            outcome = FoldOutcome(stopped="another run folds lists")
        else:
            version = ModelVersion.objects.live().first()
            if version is None or version.started_at is None:
                outcome = FoldOutcome(stopped="no version is live")
            else:
                outcome = _fold(version, settings.FOLD_MAX_PEOPLE if limit is None else limit, on_progress)
    outcome = replace(outcome, seconds=time.monotonic() - started)
    logger.info(
        "lists_folded",
        version=outcome.version_id,
        due=outcome.due,
        folded=outcome.folded,
        left=outcome.left,
        waiting=outcome.waiting,
        stopped=outcome.stopped,
        seconds=round(outcome.seconds, 2),
    )
    return outcome


def _fold(version: ModelVersion, limit: int, on_progress: OnProgress) -> FoldOutcome:
    try:
        folder = list_folder_load(version=version)
    except ModelFileError as error:
        raise FoldingError(str(error)) from error
    if folder is None:
        raise FoldingError(
            f"Version {version.pk} keeps no model of lists. Set FOLD_LISTS=true: later versions keep one."
        )
    people, due = people_due(version=version, limit=limit)
    folded = done = 0
    size = max(1, min(MAX_BLOCK, _BLOCK_SCORES // max(folder.size, 1)))
    feedback = _feedback(version)
    for start in range(0, len(people), size):
        block = people[start : start + size]
        on_progress(done, len(people))
        try:
            folded += _fold_block(version, folder, block, feedback)
        except FoldStoppedError as error:
            return FoldOutcome(version.pk, due, folded, done - folded, str(error))
        done += len(block)
        if len(people) > size:
            logger.info("lists_folding", version=version.pk, done=done, people=len(people))
    on_progress(done, len(people))
    return FoldOutcome(version.pk, due, folded, done - folded)


def _fold_block(version: ModelVersion, folder: ListFolder, people: list[int], feedback: FeedbackConfig) -> int:
    """Fold the rows of these people; returns how many were written. Four queries. Raises FoldStoppedError."""
    read_at = database_time()
    columns = training_data_read(user_ids=people)
    merged = feedback_merge(
        columns.user_ids,
        columns.movie_ids,
        columns.kinds,
        columns.ratings,
        columns.timestamps,
        config=feedback,
        now=int(timezone.now().timestamp()),
    )
    published = np.fromiter(Movie.objects.filter(status=Movie.Status.PUBLISHED).values_list("pk", flat=True), np.int64)
    users, movies, scores = folder.lists(merged, settings.BATCH_LIST_SIZE, published)
    # Somebody who took everything back, or has seen every movie, has no list.
    listed = (movies >= 0).any(axis=1)
    users, movies, scores = users[listed], movies[listed], scores[listed]
    ratings = nightly_ratings(version=version, user_ids=users, movie_ids=movies)
    return rows_update(
        version=version,
        user_ids=users,
        lists=(movies, scores, ratings),
        read_at=read_at,
        unchanged=set(people).difference(users.tolist()),
    )


def _feedback(version: ModelVersion) -> FeedbackConfig:
    """What each kind of event weighs in the version. Raises FoldingError where this release cannot read it."""
    try:
        return config_from_json(FeedbackConfig, version.hyperparameters.get("feedback", {}))
    except ConfigError as error:
        raise FoldingError(f"The hyperparameters of version {version.pk} cannot be read: {error}") from error
