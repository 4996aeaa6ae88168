"""What holds for every ranking model: one conformance suite, and right answers that can be reckoned by hand."""

import numpy as np
import pytest
from scipy.sparse import csr_array

from recommendations.algorithms.interactions import Interactions
from recommendations.algorithms.rankers.als import AlsConfig, ConstantAls, ImplicitAls
from recommendations.algorithms.rankers.ensemble import EVERY_RATING, EnsembleConfig, RankingEnsemble
from recommendations.algorithms.rankers.linear_autoencoder import LinearAutoencoder, LinearAutoencoderConfig
from recommendations.algorithms.rankers.user_knn import SpectralConfig, SpectralFilter, UserKNN

MEMBERS = {
    "autoencoder": lambda: LinearAutoencoder(LinearAutoencoderConfig(regularization=1.0)),
    "als": lambda: ImplicitAls(AlsConfig(factors=4)),
    "constant als": lambda: ConstantAls(factors=4),
    "spectral": lambda: SpectralFilter(SpectralConfig(rank=2)),
    "similar people": UserKNN,
}
# The tiny world's factorisations need no more factors than it has tastes.
SMALL = EnsembleConfig(
    autoencoder=LinearAutoencoderConfig(regularization=1.0),
    als=(AlsConfig(factors=4),),
    spectral=SpectralConfig(rank=2),
)


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


@pytest.fixture(params=MEMBERS, ids=str)
def member(request):
    return MEMBERS[request.param]()


def test_the_unseen_item_of_ones_own_taste_comes_first(member):
    likes = two_tastes()
    scores = member.fit(likes).scores(likes)
    scores[likes.nonzero()] = -np.inf
    for person, best in enumerate(scores.argmax(axis=1)):
        assert best % 2 == person % 2


def test_scores_are_float32_finite_and_one_for_every_item(member):
    likes = two_tastes()
    scores = member.fit(likes).scores(likes)
    assert scores.dtype == np.float32
    assert scores.shape == likes.shape
    assert np.isfinite(scores).all()


def test_new_people_are_scored_and_those_without_likes_get_finite_scores(member):
    newcomers = csr_array(np.array([[1, 0, 0, 0, 0, 0, 0, 0], [0] * 8], np.float32))
    scores = member.fit(two_tastes()).scores(newcomers)
    assert scores.shape == (2, 8)
    assert np.isfinite(scores).all()


def test_the_same_data_gives_the_same_scores_and_leaves_the_data_as_it_was(member):
    likes = two_tastes()
    before = likes.copy()
    first = member.fit(likes).scores(likes)
    second = member.fit(likes).scores(likes)
    assert np.array_equal(first, second)
    assert (likes != before).nnz == 0


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


def test_factors_of_full_rank_multiply_to_the_weights_and_surplus_columns_are_zero():
    model = LinearAutoencoder(LinearAutoencoderConfig(regularization=1.0)).fit(two_tastes())
    A, V = model.factorise(12)
    assert A.shape == V.shape == (8, 12)
    assert pytest.approx(model.weights, abs=1e-5) == A @ V.T
    assert not A[:, 8:].any()


def test_the_autoencoder_survives_saving_and_loading(tmp_path):
    model = LinearAutoencoder(LinearAutoencoderConfig(regularization=3.0)).fit(two_tastes())
    model.save(tmp_path / "model.npz")
    loaded = LinearAutoencoder.load(tmp_path / "model.npz")
    assert loaded.config == model.config
    assert np.array_equal(loaded.weights, model.weights)


@pytest.mark.parametrize("config", [SMALL, EVERY_RATING], ids=["likes", "every rating"])
def test_the_ensemble_ranks_the_unseen_item_of_ones_own_taste_first(config):
    data = as_interactions(two_tastes())
    model = RankingEnsemble(config).fit(data)
    for users, items, scores in model.recommend(data, 2):
        assert (items[:, 0] % 2 == users % 2).all()
        assert (scores[:, 0] >= scores[:, 1]).all()


def test_a_dislike_lowers_what_is_like_it_and_raises_nothing():
    likes = two_tastes()
    model = RankingEnsemble(SMALL).fit(as_interactions(likes))
    row = likes[[0]]
    disliked = csr_array(np.eye(1, 8, 1, dtype=np.float32))
    without, with_dislike = model.scores(row), model.scores(row, disliked)
    assert (with_dislike <= without).all()
    assert (with_dislike[0, 3::2] < without[0, 3::2]).any()


def test_items_nobody_liked_and_items_beyond_the_cap_are_never_recommended():
    ids = np.array([0, 0, 1, 1, 2, 2, 3], np.int64), np.array([0, 1, 0, 1, 0, 2, 3], np.int64)
    weights = np.array([1, 1, 1, 1, 1, 1, -1], np.float32)
    data = Interactions.from_columns(*ids, weights=weights)
    model = RankingEnsemble(EnsembleConfig(SMALL.autoencoder, max_items=2)).fit(data)
    assert model.known_items.tolist() == [0, 1]
    recommended = np.concatenate([items.ravel() for _, items, _ in model.recommend(data, 4)])
    assert set(recommended) <= {-1, 0, 1}


def test_one_person_with_one_like_trains_and_gets_an_empty_list():
    data = Interactions.from_columns(np.array([7]), np.array([9]))
    _, items, _ = next(iter(RankingEnsemble().fit(data).recommend(data, 5)))
    assert (items == -1).all()


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (lambda: LinearAutoencoderConfig(regularization=0), "regularization"),
        (lambda: LinearAutoencoderConfig(diagonal_relaxation=2), "diagonal_relaxation"),
        (lambda: AlsConfig(factors=0), "factors"),
        (lambda: EnsembleConfig(als_weight=-1), "als_weight"),
    ],
)
def test_a_hyperparameter_out_of_range_is_named(make, name):
    with pytest.raises(ValueError, match=name):
        make()
