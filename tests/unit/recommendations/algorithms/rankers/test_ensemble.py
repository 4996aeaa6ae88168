"""The ensemble's lists: who gets one, what may stand in it, what happens at the edges."""

import numpy as np
import pytest
from scipy.sparse import csr_array

from recommendations.algorithms.interactions import Interactions
from recommendations.algorithms.rankers.ensemble import EnsembleConfig, RankingEnsemble, standardise
from recommendations.algorithms.rankers.spectral_filter import SpectralConfig

# Three people, two items: two like both, one likes only the first. X'X = [[3, 2], [2, 2]].
TWO_ITEMS = Interactions.from_columns(np.array([1, 1, 2, 2, 3]), np.array([10, 20, 10, 20, 10]))


def random_interactions(seed: int = 0, people: int = 60, items: int = 40) -> Interactions:
    rng = np.random.default_rng(seed)
    users, columns = np.nonzero(rng.random((people, items)) < 0.2)
    weights = rng.choice([-1.0, -0.5, 0.5, 1.0], len(users), p=[0.1, 0.1, 0.2, 0.6]).astype(np.float32)
    return Interactions.from_columns(users + 100, columns + 1000, weights=weights)


def test_without_likes_the_popular_comes_first():
    model = RankingEnsemble().fit(TWO_ITEMS.likes())

    first, second = model.scores(csr_array((1, 2), dtype=np.float32))[0]

    assert first > second


def test_recommend_leaves_out_excluded_items_and_non_candidates():
    data = random_interactions()
    candidates = np.ones(40, np.bool_)
    candidates[[0, 7]] = False
    model = RankingEnsemble().fit(data.likes())

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
    ((_, positions, _),) = RankingEnsemble().fit(data.likes()).recommend(data, 2)

    assert sorted(positions[0].tolist()) == [0, 1]
    assert positions[1].tolist() == [-1, -1]


def test_blocks_of_any_size_give_the_same_lists():
    data = random_interactions()
    model = RankingEnsemble().fit(data.likes())

    whole = [block[1] for block in model.recommend(data, 10, block=1000)]
    pieces = [block[1] for block in model.recommend(data, 10, block=11)]

    assert np.array_equal(np.vstack(whole), np.vstack(pieces))


def test_above_the_cap_the_most_liked_items_have_the_matrix():
    data = random_interactions()
    liked_by = data.likes().count_nonzero(axis=0)

    model = RankingEnsemble(EnsembleConfig(max_items=10)).fit(data.likes())

    assert model.autoencoder.weights.shape == (10, 10)
    assert liked_by[model.head_items].min() >= liked_by[model.tail_items].max()
    assert model.known_items.tolist() == sorted([*model.head_items.tolist(), *model.tail_items.tolist()])


def test_above_the_cap_every_liked_item_is_recommended():
    data = random_interactions()
    model = RankingEnsemble(EnsembleConfig(max_items=10)).fit(data.likes())

    positions = np.vstack([block[1] for block in model.recommend(data, 40)])

    assert set(positions[positions >= 0].tolist()) == set(model.known_items.tolist())
    assert np.isfinite(model.scores(data.likes())[:, model.known_items]).all()


def test_a_head_without_pairs_still_ranks_the_tail():
    # Nobody likes two items, so the matrix of the head is zero, and nobody has a query.
    data = Interactions.from_columns(np.arange(40), np.repeat(np.arange(10), 4))
    for most in (1, 5):
        model = RankingEnsemble(EnsembleConfig(max_items=most)).fit(data.likes())

        positions = np.vstack([block[1] for block in model.recommend(data, 10)])

        assert len(model.tail_items) == 10 - most
        assert np.isfinite(model.scores(data.likes())).all()
        assert (positions >= 0).sum(axis=1).tolist() == [9] * 40


@pytest.mark.parametrize("max_items", [1, 3])
def test_a_small_head_does_not_blow_up_the_scores_of_the_tail(max_items):
    # Many people have seen the whole head, or all of it but one item.
    likes = csr_array((np.random.default_rng(0).random((60, 30)) < 0.5).astype(np.float32))
    model = RankingEnsemble(EnsembleConfig(max_items=max_items, spectral=SpectralConfig(rank=8))).fit(likes)

    assert len(model.tail_items) == 30 - max_items
    assert np.abs(model.scores(likes)).max() < 1000


def test_equal_scores_of_the_unseen_are_flat():
    value = np.linspace(0.1, 2, 50, dtype=np.float32)[:, None]
    scores = np.repeat(value, 9, axis=1)
    scores[:, 4] = 0
    seen = np.zeros(scores.shape, np.float32)
    seen[:, 4] = 1

    scale = standardise(scores, csr_array(seen))

    assert scale.flat.all()
    assert (scale.deviation == 1).all()
    assert scale.mean == pytest.approx(value)
    assert not scores.any()


def test_the_tail_is_ranked_by_taste():
    # Two tastes of 30 items each; of each, the last ten are liked by few, and left to the regression.
    rng = np.random.default_rng(0)
    taste = np.repeat([0, 1], 200)
    share = np.where(np.arange(30) < 20, 0.5, 0.1)
    liked = np.hstack([(taste == side)[:, None] * share for side in (0, 1)]) > rng.random((400, 60))
    users, items = np.nonzero(liked)
    data = Interactions.from_columns(users, items)
    model = RankingEnsemble(EnsembleConfig(max_items=40)).fit(data.likes())

    scores = model.scores(data.likes())[:, model.tail_items]

    own = (model.tail_items[None] >= 30) == taste[:, None]
    assert len(model.tail_items) == 20
    assert scores[own].mean() > scores[~own].mean() + 1


def test_items_that_nobody_likes_are_never_recommended():
    data = Interactions.from_columns(np.array([1, 1, 2]), np.array([1, 2, 3]), weights=np.array([1, 1, -1], np.float32))
    ((_, positions, scores),) = RankingEnsemble().fit(data.likes()).recommend(data, 3)

    assert 2 not in positions
    assert positions[1].tolist() == [0, 1, -1]
    assert np.isfinite(scores[positions >= 0]).all()


def test_empty_data_gives_a_model_that_recommends_nothing():
    nothing = Interactions.from_columns(np.zeros(0, np.int64), np.zeros(0, np.int64))

    model = RankingEnsemble().fit(nothing.likes())

    assert list(model.recommend(nothing, 10)) == []
