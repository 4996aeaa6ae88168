"""Unrated movies beside the rated ones: one query for both, and neither moves the other."""

import numpy as np
import pytest

from recommendations.algorithms.content.cold_start_factors import ColdStartFactorsConfig, cold_start_factors
from recommendations.algorithms.pipeline.train import TrainingConfig, train
from recommendations.algorithms.rankers.few_shot import FewShotConfig, FewShotItemModel
from recommendations.algorithms.rankers.linear_autoencoder import LinearAutoencoder
from tests.unit.recommendations.algorithms.pipeline.test_train import catalogue, two_tastes

WIDTH = 32


@pytest.fixture(scope="module")
def fitted():
    data = two_tastes()
    learned = FewShotItemModel(FewShotConfig(rank=4)).fit(data).factorise(WIDTH)
    return learned, LinearAutoencoder().fit(data.likes()), np.bincount(data.items).astype(float)


def test_rated_movies_score_as_if_there_were_no_others(fitted):
    learned, autoencoder, likes = fitted
    query, beside = cold_start_factors(learned, autoencoder, likes, ColdStartFactorsConfig())

    assert query @ learned[1].T == pytest.approx(learned[0] @ learned[1].T, abs=1e-6)
    assert not (learned[1] @ beside.T).any()


def test_unrated_movies_score_by_the_autoencoder(fitted):
    learned, autoencoder, likes = fitted
    query, beside = cold_start_factors(learned, autoencoder, likes, ColdStartFactorsConfig(row_exponent=0.0))
    correlation = np.corrcoef((query @ beside.T).ravel(), autoencoder.weights.ravel())[0, 1]

    assert correlation > 0.99


def test_their_size_is_that_of_the_rated_ones_times_the_setting(fitted):
    learned, autoencoder, likes = fitted
    _, once = cold_start_factors(learned, autoencoder, likes, ColdStartFactorsConfig(size=1.0))
    _, twice = cold_start_factors(learned, autoencoder, likes, ColdStartFactorsConfig(size=2.0))

    assert twice == pytest.approx(2 * once, rel=1e-5)


def test_without_a_free_dimension_there_is_nothing_beside(fitted):
    _, autoencoder, likes = fitted
    full = np.ones((len(likes), 3), np.float32)

    assert cold_start_factors((full, full), autoencoder, likes, ColdStartFactorsConfig()) is None


def test_reserved_dimensions_stay_free(fitted):
    learned, autoencoder, likes = fitted
    query, beside = cold_start_factors(learned, autoencoder, likes, ColdStartFactorsConfig(), reserved=9)

    assert not query[:, 4:9].any()
    assert not beside[:, :9].any()
    assert beside[:, 9:].any()


def test_free_dimensions_stay_zero_outside_the_head(fitted):
    learned, _, likes = fitted
    head = np.array([0, 1, 4, 5, 9, 12])
    autoencoder = LinearAutoencoder().fit(two_tastes().likes()[:, head])
    query, beside = cold_start_factors(learned, autoencoder, likes, ColdStartFactorsConfig(), head=head)

    others = np.setdiff1d(np.arange(24), head)
    assert query[head, 4:].any(axis=1).all()
    assert not query[others, 4:].any()
    assert not beside[others].any()
    assert (query[:, :4] == learned[0][:, :4]).all()


def test_a_size_of_nothing_is_refused():
    with pytest.raises(ValueError, match="size"):
        ColdStartFactorsConfig(size=0.0)


def test_training_publishes_both_in_one_space():
    config = TrainingConfig(evaluated_people=0, rating=None, newcomers=FewShotConfig(rank=4))
    model = train(two_tastes(), catalogue(26), config)
    rated, unrated = model.item_factors[:24], model.item_factors[24:]
    odd, even = model.query_factors[:24:2].mean(axis=0), model.query_factors[1:24:2].mean(axis=0)

    assert not rated[:, 4:].any()
    assert np.abs(unrated[:, :4]).max() < 1e-6 < np.abs(unrated[:, 4:]).max()
    # Movie 25 is of the odd movies' genre, 26 of the even ones'.
    assert odd @ unrated[0] > even @ unrated[0]
    assert even @ unrated[1] > odd @ unrated[1]


def test_the_few_shot_tail_is_learned_with_queries_from_content():
    data = two_tastes()
    likes = np.bincount(data.items)
    config = TrainingConfig(evaluated_people=0, rating=None, newcomers=FewShotConfig(rank=4, max_items=16))
    model = train(data, catalogue(26), config)
    tail = np.sort(np.argsort(-likes, kind="stable")[16:])

    assert model.trained.tolist() == [True] * 24 + [False] * 2
    assert not model.item_factors[:24, 4:].any()
    queries, items = model.query_factors, model.item_factors
    for movie in tail.tolist():
        alike, other = slice(movie % 2, 24, 2), slice(1 - movie % 2, 24, 2)
        assert queries[movie] @ items[alike].mean(axis=0) > queries[movie] @ items[other].mean(axis=0)
        assert queries[alike].mean(axis=0) @ items[movie] > queries[other].mean(axis=0) @ items[movie]
