"""Re-ranking of the top of a list: diversity and the cap per group."""

import numpy as np
import pytest

from recommendations.algorithms.listing.reranking import RerankConfig, franchise, rerank

NOTHING = np.zeros((12, 2), np.float32)
SCORES = np.linspace(1, 0.4, 12)


@pytest.mark.parametrize(
    ("title", "shared"),
    [
        ("Toy Story", "toy story"),
        ("Toy Story 2", "toy story"),
        ("Star Wars: Episode IV - A New Hope", "star wars"),
        ("Friday the 13th Part 3", "friday the 13th"),
        ("Rocky III", "rocky"),
        ("The Godfather", "godfather"),
        ("Up", ""),
        ("", ""),
    ],
)
def test_sequels_share_a_franchise(title, shared):
    assert franchise(title) == shared


def test_without_diversity_and_groups_nothing_moves():
    assert rerank(SCORES, NOTHING, [[]] * 12).tolist() == list(range(12))


def test_the_cap_limits_a_group_at_the_top():
    groups = [["rocky"]] * 5 + [[]] * 7
    order = rerank(SCORES, NOTHING, groups, RerankConfig(group_cap=2, top=6, pool_factor=2)).tolist()

    assert order == [0, 1, 5, 6, 7, 8, 2, 3, 4, 9, 10, 11]


def test_the_ranking_stays_when_all_items_are_of_one_group():
    assert rerank(SCORES, NOTHING, [["rocky"]] * 12, RerankConfig(group_cap=1)).tolist() == list(range(12))


def test_diversity_prefers_items_unlike_the_best():
    vectors = np.array([[1, 0]] * 6 + [[0, 1]] * 6, np.float32)
    order = rerank(SCORES, vectors, [[]] * 12, RerankConfig(diversity=0.5)).tolist()

    assert order[:2] == [0, 6]
    assert sorted(order) == list(range(12))
    assert rerank(SCORES, vectors, [[]] * 12, RerankConfig(diversity=0.5)).tolist() == order


def test_an_empty_list_stays_empty():
    assert rerank(np.zeros(0), np.zeros((0, 2)), []).tolist() == []


@pytest.mark.parametrize("bad", [{"diversity": -0.1}, {"diversity": 1.1}, {"group_cap": -1}])
def test_settings_out_of_range_are_refused(bad):
    with pytest.raises(ValueError, match=next(iter(bad))):
        RerankConfig(**bad)
