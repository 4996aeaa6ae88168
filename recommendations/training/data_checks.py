"""Faults of data and models that end a training before anything is written, each with its reason."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from events.kinds import Kind
from events.models import MAX_RATING, MIN_RATING
from events.training_data import FeedbackColumns
from recommendations.algorithms.pipeline.trained_model import TrainedModel
from recommendations.training.attempts import TrainingError

NOTHING_TO_TRAIN_ON = "there is nothing to train on: import a data set with manage.py import_movielens PATH"


def feedback_checked(blocks: Iterable[FeedbackColumns]) -> Iterator[FeedbackColumns]:
    """The same blocks; at their end raises TrainingError if there was no feedback, or a rating is not from 0.5 to 5."""
    rows = ratings = wrong = unknown = 0
    for block in blocks:
        values = block.ratings[block.kinds == Kind.RATING.code]
        rows, ratings = rows + len(block), ratings + len(values)
        # Written so that NaN counts: it would weigh as much as the best rating.
        wrong += int(np.count_nonzero(~((values >= MIN_RATING) & (values <= MAX_RATING))))
        unknown += int(np.count_nonzero(np.isnan(values)))
        yield block
    if not rows:
        raise TrainingError(NOTHING_TO_TRAIN_ON)
    if wrong:
        raise TrainingError(
            f"{wrong:,} of {ratings:,} ratings are not from {MIN_RATING} to {MAX_RATING:g} ({unknown:,} are NaN)"
        )


def model_check(model: TrainedModel) -> None:
    """Raises TrainingError naming the first of the model's arrays that has NaN or infinite numbers."""
    arrays = {
        "content vectors": model.content,
        "query factors": model.query_factors,
        "item factors": model.item_factors,
        "rating factors": model.rating_factors,
    }
    for name, values in arrays.items():
        if values is not None and not np.isfinite(values).all():
            rows = int(np.count_nonzero(~np.isfinite(values).all(axis=1)))
            raise TrainingError(f"the {name} of {rows:,} of {len(values):,} movies are not finite (NaN or infinite)")
