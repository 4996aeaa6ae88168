"""Rows folded at each full hour, in ``temporal``: nothing of the hour that is running counts."""

from dataclasses import replace

import numpy as np
import pytest

from recommendations.algorithms.content.lsa import MovieContent
from recommendations.algorithms.interactions import Interactions
from recommendations.algorithms.listing.scoring import ScoredItems
from recommendations.algorithms.pipeline.serving_tasks import ServingTask
from recommendations.algorithms.pipeline.train import TrainingConfig, train
from recommendations.algorithms.pipeline.trained_model import TrainedModel
from recommendations.evaluation.protocols.folded_lists import lists_folded_hourly

HOUR = 3600
MOMENT = 10 * HOUR
NIGHTLY = ScoredItems(np.array([5, 4]), np.array([2.0, 1.0]))


@pytest.fixture(scope="module")
def model() -> TrainedModel:
    """Twelve people, half of whom like the first six movies, half the others; each leaves one out."""
    pairs = [(n, 6 * (n % 2) + place) for n in range(12) for place in range(6) if place != n // 2]
    people, movies = np.array(pairs).T
    data = Interactions.from_columns(people, movies, timestamps=np.ones(len(pairs), np.int64))
    contents = [MovieContent(movie_id=n, title=f"Movie {n}") for n in range(12)]
    return train(data, contents, TrainingConfig(evaluated_people=0, rating=None))


def task(*signals: tuple[int, int]) -> ServingTask:
    """Somebody who gave 5 stars to movies at times, newest first."""
    places, times = np.array(signals, np.int64).T
    return ServingTask(
        person=1,
        known=True,
        step=0,
        newer=0,
        signals=places,
        kinds=["rating"] * len(signals),
        ratings=np.full(len(signals), 5.0, np.float32),
        timestamps=times,
        seen=places,
        relevant=np.array([0]),
        latest_known=int(times[0]),
        earliest_hidden=int(times[0]) + 1,
    )


def row(model: TrainedModel, given: ServingTask, nightly: ScoredItems | None = NIGHTLY) -> list[int] | None:
    (found,) = lists_folded_hourly(model, [given], [nightly], MOMENT)
    return None if found is None else found.item_ids.tolist()


def test_what_was_done_before_the_full_hour_is_in_the_row(model):
    given = task((8, 12 * HOUR + 5), (7, 11 * HOUR), (6, 10 * HOUR + 9))

    found = row(model, given)

    # The newest signal came after the hour: the row knows neither that it was seen nor that it was liked.
    assert set(found[:4]) == {8, 9, 10, 11}
    assert not {6, 7}.intersection(found)


def test_within_the_hour_of_the_training_the_row_is_the_nightly_one(model):
    assert row(model, task((8, MOMENT + 60), (7, MOMENT + 30))) == [5, 4]


def test_without_anything_newer_the_row_is_the_nightly_one(model):
    assert row(model, task((7, MOMENT - 5 * HOUR))) == [5, 4]


def test_somebody_without_a_nightly_row_gets_none(model):
    assert row(model, task((7, 12 * HOUR), (6, 11 * HOUR)), None) is None


def test_each_task_has_its_own_row(model):
    ours, theirs = task((1, 12 * HOUR), (0, 11 * HOUR)), task((7, 12 * HOUR), (6, 11 * HOUR))
    stays = replace(ours, timestamps=np.array([MOMENT, MOMENT]), latest_known=MOMENT)

    found = lists_folded_hourly(model, [ours, stays, theirs], [NIGHTLY] * 3, MOMENT)

    assert [set(one.item_ids[:4].tolist()) for one in found] == [{2, 3, 4, 5}, {4, 5}, {8, 9, 10, 11}]
