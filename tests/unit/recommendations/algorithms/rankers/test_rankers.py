"""What holds for every ranker: one conformance suite, and right answers that can be computed by hand."""

import dataclasses

import numpy as np
import pytest
from scipy.sparse import csr_array

from recommendations.algorithms.interactions import Interactions
from recommendations.algorithms.rankers.als import AlsConfig, ConstantAls, ImplicitAls
from recommendations.algorithms.rankers.ensemble import EVERY_RATING, EnsembleConfig, RankingEnsemble
from recommendations.algorithms.rankers.few_shot import FewShotConfig
from recommendations.algorithms.rankers.linear_autoencoder import LinearAutoencoder, LinearAutoencoderConfig
from recommendations.algorithms.rankers.popularity import PopularityConfig
from recommendations.algorithms.rankers.spectral_filter import SpectralConfig, SpectralFilter
from recommendations.algorithms.rankers.user_knn import UserKNN, UserKNNConfig

# The tiny world's factorisations need no more factors than it has tastes.
SMALL = EnsembleConfig(
    autoencoder=LinearAutoencoderConfig(regularization=1.0),
    als=(AlsConfig(factors=4),),
    spectral=SpectralConfig(rank=2),
)
RANKERS = {
    "autoencoder": lambda: LinearAutoencoder(LinearAutoencoderConfig(regularization=1.0)),
    "als": lambda: ImplicitAls(AlsConfig(factors=4)),
    "constant als": lambda: ConstantAls(factors=4),
    "spectral filter": lambda: SpectralFilter(SpectralConfig(rank=2)),
    "user knn": UserKNN,
    "ensemble": lambda: RankingEnsemble(SMALL),
    "ensemble of every rating": lambda: RankingEnsemble(EVERY_RATING),
}
OUT_OF_RANGE = [
    (AlsConfig, "factors", 0),
    (AlsConfig, "iterations", 0),
    (AlsConfig, "unobserved_weight", -1),
    (AlsConfig, "regularization", 0),
    (EnsembleConfig, "als_weight", -1),
    (EnsembleConfig, "spectral_weight", -1),
    (EnsembleConfig, "user_knn_weight", -1),
    (EnsembleConfig, "dislike_strength", -1),
    (EnsembleConfig, "popularity_prior", -1),
    (EnsembleConfig, "max_items", 0),
    (LinearAutoencoderConfig, "regularization", 0),
    (LinearAutoencoderConfig, "dropout_ratio", -1),
    (LinearAutoencoderConfig, "diagonal_relaxation", 2),
    (FewShotConfig, "first", ()),
    (FewShotConfig, "first", (0,)),
    (FewShotConfig, "regularization", 0),
    (FewShotConfig, "whole_histories", -1),
    (FewShotConfig, "rank", 0),
    (PopularityConfig, "half_life_days", 0),
    (PopularityConfig, "floor", 2),
    (PopularityConfig, "damping", 0),
    (UserKNNConfig, "locality", 0),
    (SpectralConfig, "rank", 0),
]


def two_tastes(people: int = 12, items: int = 8) -> csr_array:
    """Even people like even items, odd people odd ones; everyone leaves one of theirs unseen."""
    grid = (np.arange(people)[:, None] + np.arange(items)) % 2 == 0
    for person in range(people):
        own = np.flatnonzero(grid[person])
        grid[person, own[person % len(own)]] = False
    return csr_array(grid.astype(np.float32))


def as_interactions(likes: csr_array) -> Interactions:
    users, items = likes.nonzero()
    return Interactions.from_columns(users.astype(np.int64), items.astype(np.int64))


@pytest.fixture(params=RANKERS)
def ranker(request):
    return RANKERS[request.param]()


def test_the_unseen_item_of_ones_own_taste_comes_first(ranker):
    likes = two_tastes()
    scores = ranker.fit(likes).scores(likes)
    scores[likes.nonzero()] = -np.inf
    for person, best in enumerate(scores.argmax(axis=1)):
        assert best % 2 == person % 2


def test_scores_are_float32_finite_and_one_for_every_item(ranker):
    likes = two_tastes()
    scores = ranker.fit(likes).scores(likes)
    assert scores.dtype == np.float32
    assert scores.shape == likes.shape
    assert np.isfinite(scores).all()


def test_new_people_with_and_without_likes_get_finite_scores(ranker):
    newcomers = csr_array(np.array([[1, 0, 0, 0, 0, 0, 0, 0], [0] * 8], np.float32))
    scores = ranker.fit(two_tastes()).scores(newcomers)
    assert scores.shape == (2, 8)
    assert np.isfinite(scores).all()


def test_an_item_that_nobody_likes_is_never_the_best(ranker):
    likes = two_tastes()
    wider = csr_array((likes.data, likes.indices, likes.indptr), shape=(12, 9))
    scores = ranker.fit(wider).scores(wider)
    assert scores.shape == (12, 9)
    assert np.isfinite(scores[:, :8]).all()
    assert not np.isnan(scores).any()
    assert (scores[:, 8] < scores[:, :8].max(axis=1)).all()


@pytest.mark.parametrize("shape", [(3, 5), (0, 5), (3, 0), (0, 0)], ids=str)
def test_a_matrix_without_likes_is_learned_and_scored(ranker, shape):
    nothing = csr_array(shape, dtype=np.float32)
    scores = ranker.fit(nothing).scores(nothing)
    assert scores.shape == shape
    assert not np.isnan(scores).any()


def test_no_people_get_no_scores(ranker):
    assert ranker.fit(two_tastes()).scores(csr_array((0, 8), dtype=np.float32)).shape == (0, 8)


def test_fitting_is_deterministic_and_leaves_the_data_unchanged(ranker):
    likes = two_tastes()
    before = likes.copy()
    first = ranker.fit(likes).scores(likes)
    second = ranker.fit(likes).scores(likes)
    assert np.array_equal(first, second)
    assert (likes != before).nnz == 0


def test_a_second_fit_replaces_what_was_learned(ranker):
    swapped = csr_array(two_tastes().toarray()[:, ::-1].copy())
    again = ranker.fit(two_tastes(10, 6)).fit(swapped).scores(swapped)
    assert np.array_equal(again, ranker.fit(swapped).scores(swapped))


@pytest.mark.parametrize(("config", "name", "value"), OUT_OF_RANGE)
def test_a_hyperparameter_out_of_range_is_named(config, name, value):
    with pytest.raises(ValueError, match=name):
        config(**{name: value})


@pytest.mark.parametrize("config", dict.fromkeys(config for config, _, _ in OUT_OF_RANGE))
def test_hyperparameters_are_frozen(config):
    made = config()
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(made, dataclasses.fields(made)[0].name, 1)


def test_ease_of_two_items_is_the_published_closed_form():
    # Two people like both items, one only the first: G = [[3, 2], [2, 2]], lambda 1, P = inverse(G + I).
    likes = csr_array(np.array([[1, 1], [1, 1], [1, 0]], np.float32))
    P = np.linalg.inv(np.array([[4.0, 2.0], [2.0, 3.0]]))
    B = LinearAutoencoder(LinearAutoencoderConfig(1.0, 0.0, 0.0, 0.0, 0.0, 0.0)).fit(likes).weights
    assert pytest.approx(np.array([[0, -P[0, 1] / P[1, 1]], [-P[1, 0] / P[0, 0], 0]]), abs=1e-6) == B


def test_the_denoising_solution_is_the_ridge_of_the_gram_matrix():
    likes = two_tastes()
    G = (likes.T @ likes).toarray()
    expected = np.linalg.solve(G + np.diag(2.0 + 0.5 * G.diagonal()), G)
    np.fill_diagonal(expected, 0)
    B = LinearAutoencoder(LinearAutoencoderConfig(2.0, 0.0, 0.5, 0.0, 1.0, 0.0)).fit(likes).weights
    assert pytest.approx(expected, abs=1e-5) == B


def test_strengths_of_one_and_the_general_solution_agree():
    likes = two_tastes()
    nearly = csr_array((likes.data * np.float32(1 + 1e-6), likes.indices, likes.indptr), shape=likes.shape)
    config = LinearAutoencoderConfig(regularization=1.0)
    fast = LinearAutoencoder(config).fit(likes).weights
    general = LinearAutoencoder(config).fit(nearly).weights
    assert fast == pytest.approx(general, abs=1e-4)


def test_full_rank_factors_multiply_to_the_weights():
    model = LinearAutoencoder(LinearAutoencoderConfig(regularization=1.0)).fit(two_tastes())
    A, V = model.factorise(12)
    assert A.shape == V.shape == (8, 12)
    assert pytest.approx(model.weights, abs=1e-5) == A @ V.T
    assert not A[:, 8:].any()


@pytest.mark.parametrize("config", [SMALL, EVERY_RATING], ids=["likes", "every rating"])
def test_the_ensemble_ranks_the_unseen_item_of_ones_taste_first(config):
    data = as_interactions(two_tastes())
    model = RankingEnsemble(config).fit(data.likes())
    for users, items, scores in model.recommend(data, 2):
        assert (items[:, 0] % 2 == users % 2).all()
        assert (scores[:, 0] >= scores[:, 1]).all()


def test_a_dislike_lowers_what_is_like_it_and_raises_nothing():
    likes = two_tastes()
    model = RankingEnsemble(SMALL).fit(likes)
    row = likes[[0]]
    disliked = csr_array(np.eye(1, 8, 1, dtype=np.float32))
    without, with_dislike = model.scores(row), model.scores(row, disliked)
    assert (with_dislike <= without).all()
    assert (with_dislike[0, 3::2] < without[0, 3::2]).any()


def test_items_that_nobody_likes_are_not_recommended():
    ids = np.array([0, 0, 1, 1, 2, 2, 3], np.int64), np.array([0, 1, 0, 1, 0, 2, 3], np.int64)
    weights = np.array([1, 1, 1, 1, 1, 1, -1], np.float32)
    data = Interactions.from_columns(*ids, weights=weights)
    model = RankingEnsemble(EnsembleConfig(SMALL.autoencoder, max_items=2)).fit(data.likes())
    assert (model.head_items.tolist(), model.known_items.tolist()) == ([0, 1], [0, 1, 2])
    recommended = np.concatenate([items.ravel() for _, items, _ in model.recommend(data, 4)])
    assert set(recommended) <= {-1, 0, 1, 2}


def test_one_person_with_one_like_trains_and_gets_an_empty_list():
    data = Interactions.from_columns(np.array([7]), np.array([9]))
    _, items, _ = next(iter(RankingEnsemble().fit(data.likes()).recommend(data, 5)))
    assert (items == -1).all()
