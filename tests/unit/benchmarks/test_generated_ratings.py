"""The ratings that benchmarks generate have MovieLens' shape."""

import numpy as np
import pytest

from benchmarks.generated_ratings import FEWEST, HALF_STARS, PEOPLE_PER_BLOCK, WHOLE_STARS, GeneratedRatings, Shape
from benchmarks.generated_texts import movie_texts

SHAPE = Shape(people=PEOPLE_PER_BLOCK + 500, movies=3000, ratings_each=50)


@pytest.fixture(scope="module")
def generated():
    return GeneratedRatings(SHAPE)


@pytest.fixture(scope="module")
def ratings(generated):
    """(users, items, values, times) of all blocks."""
    blocks = list(generated.blocks())
    return [
        np.concatenate([getattr(block, name) for block in blocks]) for name in ("users", "items", "values", "times")
    ]


def test_pairs_are_sorted_and_unique(ratings):
    users, items, *_ = ratings
    assert (np.diff(users * SHAPE.movies + items) > 0).all()
    assert users.max() < SHAPE.people
    assert items.max() < SHAPE.movies


def test_everybody_rates_and_some_rate_much(ratings):
    each = np.bincount(ratings[0], minlength=SHAPE.people)
    assert each.min() >= FEWEST
    assert each.mean() == pytest.approx(SHAPE.ratings_each, rel=0.03)
    assert each.max() > 5 * each.mean()


def test_every_movie_has_a_like_and_few_have_most(ratings):
    _, items, values, _ = ratings
    likes = np.bincount(items[values >= 4.5], minlength=SHAPE.movies)
    assert likes.min() >= 1
    each = np.sort(np.bincount(items, minlength=SHAPE.movies))[::-1]
    assert each[: SHAPE.movies // 10].sum() > 0.6 * each.sum()


def test_values_have_the_shares_of_movielens(ratings):
    values, counts = np.unique(ratings[2], return_counts=True)
    assert values.tolist() == list(HALF_STARS)
    assert 100 * counts / counts.sum() == pytest.approx(list(HALF_STARS.values()), abs=2)


def test_whole_stars():
    block = next(GeneratedRatings(Shape(200, 200, 50, whole_stars=True)).blocks())
    assert np.unique(block.values).tolist() == list(WHOLE_STARS)


def test_times_spread_over_years(ratings):
    assert (ratings[3].max() - ratings[3].min()) / 86_400 > 10 * 365
    assert ratings[3].min() > 0


def test_the_same_shape_gives_the_same_ratings(ratings):
    again = next(GeneratedRatings(SHAPE).blocks())
    assert (again.items == ratings[1][: len(again)]).all()
    assert (again.values == ratings[2][: len(again)]).all()


def test_people_choose_and_rate_by_taste(generated, ratings):
    """Who rates more of the movies of a taste also rates them higher than others do."""
    users, items, values, _ = ratings
    direction = generated.movies @ generated.tastes[0]
    near, above = direction > 1.5, values - np.bincount(items, values)[items] / np.bincount(items)[items]
    means = np.bincount(users, above * near[items]) / np.maximum(np.bincount(users, near[items]), 1)
    shares = np.bincount(users, near[items]) / np.bincount(users)
    assert np.corrcoef(means, shares)[0, 1] > 0.1


def test_too_many_movies_for_the_people_are_refused():
    with pytest.raises(ValueError, match="at most 20 movies for each person"):
        Shape(people=100, movies=2001)


def test_texts_say_which_taste_a_movie_is_of(generated):
    titles, overviews, genres = movie_texts(generated.movies, generated.tastes)
    assert len(set(titles)) == len(titles) == len(overviews) == SHAPE.movies
    assert genres.sum(axis=1).min() >= 1
    assert genres.sum(axis=1).max() <= 3
    words = [set(overview.lower().rstrip(".").split()) for overview in overviews]
    first = np.argmax(generated.movies @ generated.tastes.T, axis=1)
    alike, other = np.flatnonzero(first == first[0])[1:30], np.flatnonzero(first != first[0])[:30]
    shared = [np.mean([len(words[0] & words[movie]) for movie in movies]) for movies in (alike, other)]
    assert shared[0] > shared[1]
