import logging

import numpy as np
import pytest
from scipy.sparse import csr_array

from recommendations.algorithms.base import Interactions
from recommendations.algorithms.linear_autoencoder import DenoisingAutoencoder, DenoisingAutoencoderConfig
from recommendations.algorithms.storage import ModelFileError

# Three people, two items: two like both, one likes only the first. X'X = [[3, 2], [2, 2]].
TWO_ITEMS = Interactions.from_columns(np.array([1, 1, 2, 2, 3]), np.array([10, 20, 10, 20, 10]))
PLAIN = {"regularization": 1.0, "row_power": 0.0, "popularity_prior": 0.0}


def random_interactions(seed: int = 0, people: int = 60, items: int = 40) -> Interactions:
    rng = np.random.default_rng(seed)
    users, columns = np.nonzero(rng.random((people, items)) < 0.2)
    weights = rng.choice([-1.0, -0.5, 0.5, 1.0], len(users), p=[0.1, 0.1, 0.2, 0.6]).astype(np.float32)
    return Interactions.from_columns(users + 100, columns + 1000, weights=weights)


def rows(*entries: dict[int, float], items: int) -> csr_array:
    dense = np.zeros((len(entries), items), np.float32)
    for row, entry in enumerate(entries):
        for item, weight in entry.items():
            dense[row, item] = weight
    return csr_array(dense)


@pytest.mark.parametrize(
    ("dropout", "diagonal", "first_to_second", "second_to_first"),
    [
        # P = inverse([[4, 2], [2, 3]]) = [[3, -2], [-2, 4]] / 8; EASE: -P / diag(P), column by column.
        (0.0, "zero", 2 / 4, 2 / 3),
        # Without the constraint B = I - P.
        (0.0, "free", 2 / 8, 2 / 8),
        # Dropout adds diag(G): P = inverse([[7, 2], [2, 5]]) = [[5, -2], [-2, 7]] / 31, and L = (4, 3).
        (0.5, "free", 2 * 3 / 31, 2 * 4 / 31),
        (0.5, "zero", 2 / 7, 2 / 5),
    ],
)
def test_two_items_have_the_weights_computed_by_hand(dropout, diagonal, first_to_second, second_to_first):
    config = DenoisingAutoencoderConfig(dropout=dropout, diagonal=diagonal, **PLAIN)

    model = DenoisingAutoencoder(config).fit(TWO_ITEMS)

    assert model.weights == pytest.approx(np.array([[0, first_to_second], [second_to_first, 0]]), abs=1e-6)


def test_the_weights_solve_the_papers_equation():
    data = random_interactions()
    X = data.likes().toarray().astype(np.float64)
    G = X.T @ X
    expected = np.linalg.solve(G + 5 * np.eye(len(G)) + 3 * np.diag(np.diag(G)), G)
    np.fill_diagonal(expected, 0)

    config = DenoisingAutoencoderConfig(regularization=5, dropout=0.75, row_power=0)
    model = DenoisingAutoencoder(config).fit(data)

    assert model.weights == pytest.approx(expected, abs=1e-5)


def test_row_power_makes_each_like_of_an_eager_person_count_less():
    # One person likes four items, one likes two: means of 3, so their rows count (4/3)^-1 and (2/3)^-1.
    data = Interactions.from_columns(np.array([1, 1, 1, 1, 2, 2]), np.array([1, 2, 3, 4, 1, 5]))
    model = DenoisingAutoencoder(DenoisingAutoencoderConfig(row_power=-1.0, regularization=1, dropout=0)).fit(data)

    X = data.likes().toarray() * np.array([[3 / 4], [3 / 2]])
    G = X.T @ X
    expected = np.linalg.solve(G + np.eye(5), G)
    np.fill_diagonal(expected, 0)

    assert model.weights == pytest.approx(expected, abs=1e-6)


def test_a_dislike_lowers_and_never_raises_a_score():
    model = DenoisingAutoencoder(DenoisingAutoencoderConfig(regularization=2)).fit(random_interactions())
    assert (model.weights < 0).any(), "a matrix without repulsion would prove nothing"
    likes = rows({1: 1.0, 5: 1.0}, items=40)

    before = model.scores(likes)
    for disliked in range(40):
        after = model.scores(likes, rows({disliked: 1.0}, items=40))
        assert (after <= before).all()
        assert (after < before).any()


def test_without_likes_the_popular_comes_first():
    model = DenoisingAutoencoder().fit(TWO_ITEMS)

    first, second = model.scores(csr_array((1, 2), dtype=np.float32))[0]

    assert first > second > 0


def test_recommend_leaves_out_what_is_excluded_and_what_is_no_candidate():
    data = random_interactions()
    candidates = np.ones(40, np.bool_)
    candidates[[0, 7]] = False
    model = DenoisingAutoencoder().fit(data)

    blocks = list(model.recommend(data, 40, candidates=candidates, block=7))

    users = np.concatenate([block[0] for block in blocks])
    positions = np.vstack([block[1] for block in blocks])
    assert users.tolist() == list(range(60))
    for user, places in zip(users, positions, strict=True):
        own = set(data.items[data.users == user].tolist())
        listed = places[places >= 0].tolist()
        assert sorted(listed) == sorted(set(range(40)) - own - {0, 7})


def test_recommend_still_offers_what_was_only_viewed():
    data = Interactions.from_columns(np.array([1, 2, 2]), np.array([1, 1, 2]), excludes=np.array([False, True, True]))
    ((_, positions, _),) = DenoisingAutoencoder().fit(data).recommend(data, 2)

    assert sorted(positions[0].tolist()) == [0, 1]
    assert positions[1].tolist() == [-1, -1]


def test_blocks_of_any_size_give_the_same_lists():
    data = random_interactions()
    model = DenoisingAutoencoder().fit(data)

    whole = [block[1] for block in model.recommend(data, 10, block=1000)]
    pieces = [block[1] for block in model.recommend(data, 10, block=11)]

    assert np.array_equal(np.vstack(whole), np.vstack(pieces))


def test_factors_multiply_to_the_weights():
    model = DenoisingAutoencoder().fit(random_interactions())

    query, item = model.factorise(64)

    assert query.shape == item.shape == (40, 64)
    assert query.dtype == item.dtype == np.float32
    assert query @ item.T == pytest.approx(model.weights, abs=1e-4)
    assert not query[:, 40:].any(), "past the rank of the matrix there are zeros"


def test_the_truncated_factors_of_a_large_model_are_the_best_of_their_rank():
    model = DenoisingAutoencoder(DenoisingAutoencoderConfig(regularization=20)).fit(random_interactions(3, 800, 600))
    singular = np.linalg.svd(model.weights, compute_uv=False)
    best = np.sqrt((singular[16:] ** 2).sum())

    query, item = model.factorise(16)

    assert np.linalg.norm(model.weights - query @ item.T) <= 1.02 * best
    again = model.factorise(16)
    assert np.array_equal(query, again[0])
    assert np.array_equal(item, again[1])


def test_above_the_cap_the_most_liked_items_are_kept(caplog):
    data = random_interactions()
    liked_by = data.likes().count_nonzero(axis=0)

    with caplog.at_level(logging.WARNING):
        model = DenoisingAutoencoder(DenoisingAutoencoderConfig(max_items=10)).fit(data)

    assert "keeps the 10 most liked" in caplog.text
    assert liked_by[model.kept].min() >= np.delete(liked_by, model.kept).max()
    scores = model.scores(data.likes()[:1])[0]
    assert np.isfinite(scores).sum() == 10


def test_items_that_nobody_likes_are_never_recommended():
    data = Interactions.from_columns(np.array([1, 1, 2]), np.array([1, 2, 3]), weights=np.array([1, 1, -1], np.float32))
    ((_, positions, scores),) = DenoisingAutoencoder().fit(data).recommend(data, 3)

    assert 2 not in positions
    assert positions[1].tolist() == [0, 1, -1]
    assert np.isfinite(scores[positions >= 0]).all()


def test_a_saved_model_gives_the_same_scores(tmp_path):
    data = random_interactions()
    model = DenoisingAutoencoder(DenoisingAutoencoderConfig(diagonal="zero", dislike_strength=0.7)).fit(data)
    model.save(tmp_path / "model.npz")

    loaded = DenoisingAutoencoder.load(tmp_path / "model.npz")

    assert loaded.config == model.config
    assert np.array_equal(loaded.scores(data.likes(), data.dislikes()), model.scores(data.likes(), data.dislikes()))


def test_a_pickle_in_place_of_a_model_is_refused(tmp_path):
    with (tmp_path / "model.npz").open("wb") as stream:
        np.savez(stream, kind=np.array("linear_autoencoder"), weights=np.array([{"run": "me"}], object))

    with pytest.raises(ModelFileError, match=r"model\.npz"):
        DenoisingAutoencoder.load(tmp_path / "model.npz")


def test_empty_data_gives_a_model_that_recommends_nothing():
    nothing = Interactions.from_columns(np.zeros(0, np.int64), np.zeros(0, np.int64))

    model = DenoisingAutoencoder().fit(nothing)

    assert list(model.recommend(nothing, 10)) == []
    assert model.factorise(4)[0].shape == (0, 4)


@pytest.mark.parametrize(
    "wrong", [{"regularization": 0}, {"dropout": 1}, {"max_items": 0}, {"dislike_strength": -1}, {"diagonal": "none"}]
)
def test_impossible_hyperparameters_are_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        DenoisingAutoencoderConfig(**wrong)
