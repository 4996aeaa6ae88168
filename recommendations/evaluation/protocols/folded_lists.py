"""Nightly lists folded at each full hour, for ``temporal``: the list that a person's row holds when a list is made."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from recommendations.algorithms.feedback import rating_weights
from recommendations.algorithms.interactions import Interactions
from recommendations.algorithms.listing.blending import LIST_SIZE
from recommendations.algorithms.listing.scoring import ScoredItems
from recommendations.algorithms.pipeline.list_folding import ListFolder
from recommendations.algorithms.pipeline.serving_tasks import ServingTask
from recommendations.algorithms.pipeline.trained_model import TrainedModel

HOUR_SECONDS = 3600
# Tasks whose lists are made at a time.
_BLOCK = 256


def lists_folded_hourly(
    model: TrainedModel, tasks: Sequence[ServingTask], nightly: Sequence[ScoredItems | None], moment: int
) -> list[ScoredItems | None]:
    """The row of each task's person as of the last full hour before the list is made; None without a nightly row.

    nightly: the row of each task's person; moment: when the training read its data, unix seconds. A row is folded if
    the person did something since the training and before that hour; otherwise it is the nightly one. Items are
    positions in the catalogue.
    """
    folder = ListFolder.of(model.ranker, model.interactions)
    rows = list(nightly)
    hours = [task.latest_known // HOUR_SECONDS * HOUR_SECONDS for task in tasks]
    due = [
        place
        for place, (task, hour) in enumerate(zip(tasks, hours, strict=True))
        if rows[place] is not None and ((task.timestamps > moment) & (task.timestamps <= hour)).any()
    ]
    for start in range(0, len(due), _BLOCK):
        block = due[start : start + _BLOCK]
        known = _as_of(model, [tasks[place] for place in block], [hours[place] for place in block])
        numbers, movies, scores = folder.lists(known, LIST_SIZE, model.movie_ids)
        for number, own, values in zip(numbers.tolist(), movies, scores, strict=True):
            real = own >= 0
            rows[block[number]] = ScoredItems(
                np.searchsorted(model.movie_ids, own[real]), values[real].astype(np.float64)
            )
    return rows


def _as_of(model: TrainedModel, tasks: Sequence[ServingTask], hours: Sequence[int]) -> Interactions:
    """What was known of each task at its hour; the person is the task's number."""
    early = [task.timestamps <= hour for task, hour in zip(tasks, hours, strict=True)]
    counts = [int(chosen.sum()) for chosen in early]
    ratings = np.concatenate([task.ratings[chosen] for task, chosen in zip(tasks, early, strict=True)])
    places = np.concatenate([task.signals[chosen] for task, chosen in zip(tasks, early, strict=True)])
    return Interactions.from_columns(
        np.repeat(np.arange(len(tasks)), counts),
        model.movie_ids[places],
        weights=rating_weights(ratings),
        ratings=ratings,
    )
