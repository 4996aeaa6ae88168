import numpy as np
import pytest

from events.kinds import Kind
from recommendations.algorithms.feedback import FeedbackConfig, feedback_merge, feedback_weights, rating_weights


def merge(*rows: tuple[int, int, Kind, float, int]):
    users, items, kinds, ratings, times = zip(*rows, strict=True)
    return feedback_merge(
        np.array(users, np.int64),
        np.array(items, np.int64),
        np.array([kind.code for kind in kinds], np.int8),
        np.array(ratings, np.float32),
        np.array(times, np.int64),
    )


NONE = float("nan")


def test_a_higher_rating_never_weighs_less():
    weights = rating_weights(np.arange(0.5, 5.01, 0.5))

    assert (np.diff(weights) >= 0).all()
    assert weights.tolist() == pytest.approx([-1, -1, -1, -0.5, -0.25, 0.7, 0.85, 1, 1, 1])


def test_each_kind_has_its_documented_weight():
    kinds = [Kind.LIKE, Kind.DISLIKE, Kind.WATCH, Kind.HIDE, Kind.VIEW, Kind.RATING]
    codes = np.array([kind.code for kind in kinds], np.int8)

    weights = feedback_weights(codes, np.array([NONE] * 5 + [2.0], np.float32))

    assert weights.tolist() == pytest.approx([1, -1, 0.7, -0.5, 0.2, -0.5])


def test_the_newest_explicit_judgement_counts():
    merged = merge((1, 1, Kind.RATING, 5.0, 100), (1, 1, Kind.DISLIKE, NONE, 200), (1, 1, Kind.WATCH, NONE, 300))

    assert merged.weights.tolist() == [-1.0]
    assert merged.timestamps.tolist() == [200]
    assert merged.ratings.tolist() == [1.5]


def test_a_hide_does_not_undo_that_the_person_watched_it():
    merged = merge((1, 1, Kind.WATCH, NONE, 100), (1, 1, Kind.HIDE, NONE, 200))

    assert merged.weights.tolist() == pytest.approx([0.7])
    assert merged.excludes.tolist() == [True]


def test_only_a_view_leaves_the_movie_to_later_lists():
    merged = merge((1, 1, Kind.VIEW, NONE, 5), (1, 2, Kind.VIEW, NONE, 5), (1, 2, Kind.HIDE, NONE, 1))

    assert merged.excludes.tolist() == [False, True]


def test_unordered_rows_of_several_people_become_one_entry_each():
    merged = merge((2, 9, Kind.LIKE, NONE, 1), (1, 9, Kind.RATING, 3.0, 1), (2, 8, Kind.VIEW, NONE, 1))

    assert merged.user_ids.tolist() == [1, 2]
    assert merged.item_ids.tolist() == [8, 9]
    assert list(zip(merged.users.tolist(), merged.items.tolist(), strict=True)) == [(0, 1), (1, 0), (1, 1)]
    assert merged.weights.tolist() == pytest.approx([0.7, 0.2, 1.0])


def test_no_feedback_gives_no_entries():
    empty = np.zeros(0, np.int64)

    assert len(feedback_merge(empty, empty, empty.astype(np.int8), empty.astype(np.float32), empty)) == 0


DAY = 86_400
NEWEST = 1_000 * DAY


def test_a_half_life_lowers_old_weights_and_keeps_their_sign():
    rows = [
        (1, 1, Kind.RATING.code, 5.0, NEWEST),
        (1, 2, Kind.RATING.code, 5.0, NEWEST - 30 * DAY),
        (1, 3, Kind.RATING.code, 1.0, NEWEST - 60 * DAY),
        (1, 4, Kind.LIKE.code, NONE, NEWEST - 900 * DAY),
        (1, 5, Kind.LIKE.code, NONE, 0),
    ]
    columns = [np.array(column) for column in zip(*rows, strict=True)]

    aged = feedback_merge(*columns, config=FeedbackConfig(age_half_life_days=30))

    assert aged.weights.tolist() == pytest.approx([1.0, 0.5, -0.25, 0.1, 1.0])
    assert feedback_merge(*columns).weights.tolist() == pytest.approx([1.0, 1.0, -1.0, 1.0, 1.0])


def test_a_fair_rating_weighs_what_the_configuration_says():
    weights = rating_weights(np.array([1.0, 2.5, 3.0, 3.5, 4.0]), FeedbackConfig(fair_rating=0.4))

    assert weights.tolist() == pytest.approx([-1.0, -0.25, 0.4, 0.7, 1.0])


@pytest.mark.parametrize("wrong", [{"fair_rating": 0.0}, {"fair_rating": 1.5}, {"age_half_life_days": 0.0}])
def test_a_configuration_that_makes_no_sense_is_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        FeedbackConfig(**wrong)
