"""Ratings folded into rows of movies: anybody's, without training again."""

import numpy as np
import pytest

from recommendations.algorithms.ratings.base import Ratings
from recommendations.algorithms.ratings.fold_in import (
    LEVEL,
    LOADINGS,
    PRECISION,
    RatingFactorsConfig,
    fit_rating_factors,
    fold_in,
    predict_rows,
)

MOVIES = 40


def two_camps(people: int = 200, seed: int = 0) -> Ratings:
    """Half of the people give the even movies 5 and the odd ones 1, the other half the reverse; all rate 15 movies."""
    rng = np.random.default_rng(seed)
    users = np.repeat(np.arange(people), 15)
    items = np.concatenate([rng.choice(MOVIES - 1, 15, replace=False) for _ in range(people)])
    values = np.where(users % 2 == items % 2, 5.0, 1.0)
    return Ratings(users.astype(np.int32), items.astype(np.int32), values.astype(np.float32), (people, MOVIES))


@pytest.fixture(scope="module")
def rows():
    return fit_rating_factors(two_camps())


def test_a_few_ratings_tell_the_camp_of_a_stranger(rows):
    person = fold_in(rows[[0, 1, 2]], np.array([5.0, 1.0, 5.0]))
    predicted = predict_rows(rows, person)

    assert predicted[4:38:2].min() > 4
    assert predicted[5:39:2].max() < 2


def test_without_ratings_a_person_is_average(rows):
    person = fold_in(rows[:0], np.zeros(0))

    assert not person.any()
    assert predict_rows(rows, person) == pytest.approx(rows[:, LEVEL])


def test_each_rating_tells_more_than_fewer_do(rows):
    ratings = np.array([5.0, 1.0, 5.0, 1.0])
    predicted = [predict_rows(rows[[30]], fold_in(rows[:n], ratings[:n]))[0] for n in range(5)]

    assert predicted == sorted(predicted)


def test_an_unrated_movie_has_the_row_of_the_average_movie(rows):
    assert rows.shape == (MOVIES + 1, 10)
    assert rows.dtype == np.float32
    assert rows[MOVIES - 1] == pytest.approx(rows[MOVIES])
    assert rows[MOVIES, LEVEL] == pytest.approx(rows[: MOVIES - 1, LEVEL].mean(), abs=0.05)


def test_a_rarely_rated_movie_is_weaker_evidence():
    data = two_camps()
    kept = (data.items != 0) | (np.cumsum(data.items == 0) <= 3)
    rows = fit_rating_factors(Ratings(data.users[kept], data.items[kept], data.values[kept], data.shape))

    assert rows[0, PRECISION] < 0.8 * rows[2, PRECISION]
    assert np.linalg.norm(rows[0, LOADINGS:]) < np.linalg.norm(rows[2, LOADINGS:])


def test_ratings_that_are_all_equal_predict_themselves():
    data = two_camps()
    rows = fit_rating_factors(Ratings(data.users, data.items, np.full(len(data), 4.0, np.float32), data.shape))

    assert predict_rows(rows, fold_in(rows[:3], np.full(3, 4.0))) == pytest.approx(4.0, abs=0.05)


def test_the_same_ratings_give_the_same_rows(rows):
    assert np.array_equal(rows, fit_rating_factors(two_camps()))


def test_above_the_limit_a_sample_of_people_is_read():
    rows = fit_rating_factors(two_camps(), RatingFactorsConfig(max_ratings=1500))

    assert predict_rows(rows, fold_in(rows[:2], np.array([5.0, 1.0])))[2:38:2].min() > 3.5


def test_a_movie_without_a_row_has_no_prediction(rows):
    unknown = np.full((1, rows.shape[1]), np.nan, np.float32)

    assert np.isnan(predict_rows(unknown, fold_in(rows[:1], np.array([5.0])))).all()


@pytest.mark.parametrize(
    "bad", [{"factors": 0}, {"sweeps": 0}, {"noise_scale": 0}, {"noise_damping": -1}, {"max_ratings": 0}]
)
def test_hyperparameters_that_make_no_sense_are_refused(bad):
    with pytest.raises(ValueError, match="must be"):
        RatingFactorsConfig(**bad)
