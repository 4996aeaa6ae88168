"""The ranker: aligns sources by candidate, calibrates, blends and fills."""

from dataclasses import replace

import numpy as np
import pytest

from recommendations.algorithms.listing import blending
from recommendations.algorithms.listing.blending import LIST_SIZE, SOURCES
from recommendations.algorithms.listing.scoring import (
    CandidatePool,
    RankingConfig,
    ScoredItems,
    candidate_ids,
    rank,
)
from recommendations.algorithms.listing.session_query import UserProfile, query_vector

EAST, NORTH = np.array([1, 0], np.float32), np.array([0, 1], np.float32)


def make_profile(factors, weights, newer: int = 0) -> UserProfile:
    factors, weights = np.asarray(factors, np.float32), np.asarray(weights, np.float32)
    query = query_vector(factors, weights)
    return UserProfile(np.arange(len(weights)), weights, factors, factors, query, int((weights > 0).sum()), newer)


def make_pool(item_ids, factors=None, **fields) -> CandidatePool:
    ids = np.array(item_ids, np.int64)
    known = np.zeros(len(ids), np.bool_) if factors is None else np.any(factors, axis=1)
    vectors = np.zeros((len(ids), 2), np.float32) if factors is None else np.asarray(factors, np.float32)
    lists = {source: fields.pop(source) for source in ("batch", "popular") if source in fields}
    weights = RankingConfig().weights(has_batch="batch" in lists, profile=fields.get("profile"))
    return CandidatePool(ids, weights, known, vectors, lists, **fields)


def test_a_nightly_list_keeps_its_order_without_seen_movies():
    pool = make_pool([2, 5, 9], batch=ScoredItems.of([9, 7, 2, 5], [4.0, 3.0, 2.0, 1.0]))

    ranked = rank(pool, RankingConfig())

    assert ranked.item_ids.tolist() == [9, 2, 5]
    assert ranked.shares[:, SOURCES.index("batch")].tolist() == [1.0, 1.0, 1.0]


def test_a_full_list_is_measured_from_its_end():
    ids = list(range(1, LIST_SIZE + 1))
    pool = make_pool(ids[:2] + ids[-1:], popular=ScoredItems.of(ids, np.linspace(10.0, 9.0, LIST_SIZE).tolist()))

    assert rank(pool, RankingConfig()).scores[-1] == 0.0


def test_beside_a_batch_only_the_nearest_have_real_time_scores():
    rng = np.random.default_rng(0)
    factors = rng.normal(size=(LIST_SIZE + 20, 2)).astype(np.float32)
    ids = np.arange(len(factors))
    nearest = np.argsort(-factors @ EAST)[:LIST_SIZE]
    known = {"profile": make_profile([EAST], [1.0]), "batch": ScoredItems.of([3], [1.0])}
    realtime = SOURCES.index("realtime")

    searched = rank(make_pool(ids, factors, nearest=nearest, **known), RankingConfig())
    unsearched = rank(make_pool(ids, factors, **known), RankingConfig())

    assert (searched.shares[:, realtime] * searched.scores > 0).sum() == LIST_SIZE - 1
    assert (unsearched.shares[:, realtime] * unsearched.scores > 0).sum() > LIST_SIZE


def test_preferred_genres_rank_before_general_popularity():
    pool = make_pool(
        [1, 2, 3, 4],
        popular=ScoredItems.of([1, 2, 3], [30.0, 20.0, 10.0]),
        preferred=ScoredItems.of([4, 2], [2.0, 1.5]),
    )

    assert rank(pool, RankingConfig()).item_ids.tolist() == [4, 2, 1, 3]


def test_a_mood_re_ranks_the_list_and_has_a_share():
    pool = make_pool([1, 2], popular=ScoredItems.of([1, 2], [2.0, 1.9]), mood=np.array([np.nan, 0.8]))

    ranked = rank(pool, RankingConfig(mood_weight=0.5, mood_weight_cold=0.5))

    assert ranked.item_ids.tolist() == [2, 1]
    assert ranked.shares.shape == (2, len(SOURCES) + 1)
    assert ranked.shares.sum(axis=1) == pytest.approx([1.0, 1.0])
    assert ranked.shares[1, -1] == 0.0


def test_a_mood_weighs_more_the_more_of_a_list_is_popularity():
    config = RankingConfig(mood_weight=0.2, mood_weight_cold=0.8)

    assert config.weight_of_mood({"batch": 0.0, "realtime": 0.0, "popular": 1.0}) == 0.8
    assert config.weight_of_mood({"batch": 0.4, "realtime": 0.1, "popular": 0.5}) == pytest.approx(0.5)
    assert config.weight_of_mood({"batch": 0.5, "realtime": 0.5, "popular": 0.0}) == 0.2


def test_without_signals_a_mood_ranks_before_popularity():
    popular = ScoredItems.of([1, 2, 3], [3.0, 2.0, 1.0])
    pool = make_pool([1, 2, 3], popular=popular, mood=np.array([0.1, 0.3, 0.9]))

    assert rank(pool, RankingConfig(mood_weight_cold=0.8)).item_ids.tolist() == [3, 2, 1]
    assert rank(pool, RankingConfig(mood_weight_cold=0.1)).item_ids.tolist() == [1, 2, 3]


def test_the_fill_follows_the_last_candidate():
    pool = make_pool([1], batch=ScoredItems.of([1], [3.0]), fill=ScoredItems.of([8, 4], [5.0, 1.0]))

    ranked = rank(pool, RankingConfig())

    assert ranked.item_ids.tolist() == [1, 8, 4]
    assert (np.diff(ranked.scores) <= 0).all()


def test_an_empty_pool_ranks_to_an_empty_list():
    assert len(rank(make_pool([], popular=ScoredItems()), RankingConfig())) == 0


def test_candidates_come_from_all_lists_and_the_nearest():
    lists = [ScoredItems.of([1, 2], [2.0, 1.0]), ScoredItems(), ScoredItems.of([2, 3], [9.0, 8.0])]

    assert candidate_ids(lists, [4, 5], {1, 5, 6}) == {2, 3, 4}


def test_a_new_source_needs_a_list_and_a_weight_alone(monkeypatch):
    pool = make_pool([1, 2, 3], batch=ScoredItems.of([1, 2], [2.0, 1.0]))
    monkeypatch.setattr(blending, "SOURCES", (*SOURCES, "trending"))
    lists = {**pool.lists, "trending": ScoredItems.of([3], [5.0])}
    weights = {**pool.weights, "batch": 0.4, "trending": 0.6}

    ranked = rank(replace(pool, lists=lists, weights=weights), RankingConfig())

    assert ranked.item_ids.tolist() == [3, 1, 2]
    assert ranked.shares[0].tolist() == [0, 0, 0, 1]


@pytest.mark.parametrize(
    ("lists", "weights", "message"),
    [
        ({}, {"batch": 1.0}, "'batch' has weight 1, but its candidates were not gathered"),
        ({"batch": ScoredItems()}, {"batch": 0.7, "realtime": 0.3}, "'realtime' has weight 0.3"),
        ({"batch": ScoredItems()}, {"batch": 0.9, "trending": 0.1}, "'trending' has weight 0.1"),
        ({"batch": ScoredItems(), "trending": ScoredItems()}, {"batch": 1.0}, "'trending' was gathered, but has no"),
    ],
)
def test_a_weight_without_candidates_is_refused(lists, weights, message):
    pool = replace(make_pool([1]), lists=lists, weights=weights)

    with pytest.raises(ValueError, match=message):
        rank(pool, RankingConfig())


def test_a_source_of_weight_0_needs_no_list():
    pool = replace(make_pool([1], batch=ScoredItems.of([1], [1.0])), weights={"batch": 1.0, "popular": 0.0})

    assert rank(pool, RankingConfig()).item_ids.tolist() == [1]


def test_a_dislike_lowers_similar_movies_and_raises_none():
    liked = {"factors": [EAST, EAST + 2 * NORTH, NORTH, -NORTH, -EAST], "nearest": np.array([1, 2])}
    sources = {"batch": ScoredItems.of([3, 4], [3.0, 1.0]), "popular": ScoredItems.of([5], [1.0])}
    before = rank(make_pool([1, 2, 3, 4, 5], **liked, **sources, profile=make_profile([EAST], [1.0])), RankingConfig())
    both = make_profile([NORTH, EAST], [-0.5, 1.0])
    after = rank(make_pool([1, 2, 3, 4, 5], **liked, **sources, profile=both), RankingConfig())

    old, new = (dict(zip(ranked.item_ids.tolist(), ranked.scores, strict=True)) for ranked in (before, after))
    assert new[3] < old[3]
    assert new[2] < old[2]
    assert [new[movie] for movie in (1, 4, 5)] == [old[movie] for movie in (1, 4, 5)]


def test_only_dislikes_leave_popular_movies_similar_ones_last():
    popular = ScoredItems.of([1, 2, 3], [3.0, 2.0, 1.0])
    pool = make_pool([1, 2, 3], [EAST, NORTH, -EAST], popular=popular, profile=make_profile([EAST], [-1.0]))

    ranked = rank(pool, RankingConfig())

    assert ranked.item_ids.tolist() == [2, 3, 1]
    assert ranked.shares[:, SOURCES.index("popular")].tolist() == [1.0, 1.0, 1.0]
