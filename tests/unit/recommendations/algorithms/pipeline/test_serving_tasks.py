"""Tasks of serving: who is asked for, what is known at each moment, and nothing from after it."""

import numpy as np
import pytest

from recommendations.algorithms.interactions import Interactions
from recommendations.algorithms.pipeline.serving_tasks import (
    MIN_LIKES_LEFT,
    NEXT_LIKES,
    ServingTask,
    first_like_tasks,
    followed_tasks,
    kinds_of,
)
from recommendations.evaluation.protocols.cold_movies import interactions_from_ratings
from recommendations.evaluation.protocols.data import Ratings, read_ratings
from tests.evaluation.small import movielens_zip

MOMENT = 100


def _rated(*rows: tuple[int, int, float, int]) -> Interactions:
    """From (user, movie, rating, time)."""
    users, items, ratings, times = (np.array(column) for column in zip(*rows, strict=True))
    return interactions_from_ratings(Ratings(users, items, ratings.astype(np.float32), times))


def _followed(interactions: Interactions, people: int = 10) -> list[ServingTask]:
    return list(followed_tasks(interactions, MOMENT, interactions.item_ids, people=people))


def test_every_task_knows_only_what_is_older_than_its_targets(tmp_path):
    _, ratings = read_ratings(movielens_zip(tmp_path))
    # Many ratings in one second are where a careless cut would leak.
    ratings = Ratings(ratings.users, ratings.items, ratings.ratings, ratings.timestamps // 604_800)
    ratings = ratings.take(np.lexsort((ratings.items, ratings.timestamps, ratings.users)))
    moment = int(np.quantile(ratings.timestamps, 0.5))
    data = interactions_from_ratings(ratings)
    tasks = list(followed_tasks(data, moment, data.item_ids, people=1000))

    assert {task.step for task in tasks} >= {0, 2}
    for task in tasks:
        assert task.latest_known < task.earliest_hidden
        assert task.earliest_hidden > moment
        own = ratings.users == task.person
        known = own & (ratings.timestamps <= task.latest_known)
        assert sorted(data.item_ids[task.signals].tolist()) == sorted(ratings.items[known].tolist())
        assert not set(task.signals.tolist()) & set(task.relevant.tolist())
        assert task.known == bool((own & (ratings.timestamps <= moment)).any())
        assert task.newer == int((known & (ratings.timestamps > moment)).sum())


def test_signals_come_newest_first_with_what_was_said_of_them():
    (first,) = _followed(_rated((1, 10, 5, 50), (1, 11, 2, 60), (1, 12, 4, 150)))

    assert (first.step, first.newer, first.known) == (0, 0, True)
    assert first.signals.tolist() == [1, 0]
    assert first.ratings.tolist() == [2, 5]
    assert first.timestamps.tolist() == [60, 50]
    assert first.relevant.tolist() == [2]


def test_low_ratings_are_known_and_never_to_be_found():
    rows = [(1, 10, 5, 50), (1, 11, 3.5, 150), (1, 12, 4, 160)]
    (task,) = _followed(_rated(*rows))
    assert task.relevant.tolist() == [2]


def test_at_most_the_next_ten_likes_are_to_be_found():
    rows = [(1, movie, 5, 101 + movie) for movie in range(30)]
    tasks = _followed(_rated(*rows))
    assert [task.step for task in tasks] == [0, 2, 5, 10, 20]
    assert {len(task.relevant) for task in tasks} == {NEXT_LIKES}
    assert not any(task.known for task in tasks)


def test_half_of_the_followed_people_are_known():
    rows = [(user, 10, 5, 50) for user in range(1, 9)] + [(user, 11, 5, 150) for user in range(1, 17)]
    tasks = _followed(_rated(*rows), people=6)
    assert len({task.person for task in tasks if task.known}) == 3
    assert len({task.person for task in tasks if not task.known}) == 3


def test_people_who_do_nothing_after_the_moment_are_not_asked_for():
    assert _followed(_rated((1, 10, 5, 50), (1, 11, 5, 60))) == []


@pytest.mark.parametrize("likes", [MIN_LIKES_LEFT, MIN_LIKES_LEFT + 1, MIN_LIKES_LEFT + 3])
def test_first_likes_leave_enough_to_find(likes):
    data = _rated(*[(1, movie, 5, 101 + movie) for movie in range(likes)])
    tasks = list(first_like_tasks(data, MOMENT, data.item_ids, people=5))

    assert [len(task.signals) for task in tasks] == [count for count in (1, 3) if count + MIN_LIKES_LEFT <= likes]
    for task in tasks:
        assert task.signals.tolist() == list(range(len(task.signals)))[::-1]
        assert sorted([*task.signals.tolist(), *task.relevant.tolist()]) == list(range(likes))
        assert (task.step, task.known) == (-1, False)


def test_known_people_have_no_first_likes():
    data = _rated((1, 50, 5, 10), *[(1, movie, 5, 101 + movie) for movie in range(10)])
    assert list(first_like_tasks(data, MOMENT, data.item_ids, people=5)) == []


def test_movies_that_left_the_catalogue_do_not_count():
    data = _rated((1, 10, 5, 50), (1, 11, 5, 60), (1, 12, 5, 150), (1, 13, 5, 160))
    (task,) = followed_tasks(data, MOMENT, np.array([11, 13]), people=2)
    assert task.signals.tolist() == [0]
    assert task.relevant.tolist() == [1]


def test_a_signal_without_a_rating_counts_as_the_kind_of_its_weight():
    data = Interactions.from_columns(
        np.array([1, 1, 1, 1]),
        np.array([1, 2, 3, 4]),
        weights=np.array([1.0, -1.0, 0.2, 0.5], np.float32),
        ratings=np.array([np.nan, np.nan, np.nan, 3.0], np.float32),
    )
    assert kinds_of(data).tolist() == ["like", "dislike", "view", "rating"]


def test_what_may_be_listed_again_is_not_seen():
    data = Interactions.from_columns(
        np.array([1, 1, 1]),
        np.array([1, 2, 3]),
        weights=np.array([1.0, 0.2, 1.0], np.float32),
        timestamps=np.array([50, 60, 150]),
        excludes=np.array([True, False, True]),
    )
    (task,) = _followed(data)
    assert task.signals.tolist() == [1, 0]
    assert task.seen.tolist() == [0]
