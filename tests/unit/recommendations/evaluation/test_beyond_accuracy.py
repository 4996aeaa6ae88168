"""Coverage, novelty, diversity and popularity bias of lists small enough to reckon by hand."""

import numpy as np
import pytest

from recommendations.evaluation.beyond_accuracy import (
    concentration,
    coverage,
    intra_list_diversity,
    novelty,
    popularity_bias,
)

LISTS = np.array([[0, 1], [0, -1]])


def test_coverage_counts_each_recommended_item_once_and_no_padding():
    assert coverage(LISTS, items=4) == 0.5


def test_coverage_of_an_empty_catalogue_is_an_error():
    with pytest.raises(ValueError, match="catalogue"):
        coverage(LISTS, items=0)


def test_novelty_is_the_mean_of_bits_over_places():
    # Item 0 was liked by all four people (0 bits), item 1 by one of four (2 bits): places 0, 1, 0.
    assert novelty(LISTS, np.array([4, 1, 0, 0]), people=4) == pytest.approx(2 / 3)


def test_popularity_bias_is_one_when_the_shown_are_as_liked_as_the_catalogue():
    assert popularity_bias(np.array([[0, 1]]), np.array([3, 1, 2, 2])) == pytest.approx(1.0)


def test_concentration_is_zero_when_all_items_are_shown_alike_and_high_when_one_takes_all():
    assert concentration(np.array([[0, 1], [2, 3]]), items=4) == pytest.approx(0.0)
    assert concentration(np.array([[0], [0]]), items=4) == pytest.approx(0.75)


def test_diversity_is_one_for_unlike_items_zero_for_equal_ones_and_ignores_lists_of_one():
    vectors = np.array([[1.0, 0.0], [0.0, 2.0], [3.0, 0.0]])
    assert intra_list_diversity(np.array([[0, 1], [0, -1]]), vectors) == pytest.approx(1.0)
    assert intra_list_diversity(np.array([[0, 2]]), vectors) == pytest.approx(0.0)


def test_lists_of_nobody_have_no_diversity_rather_than_zero():
    assert np.isnan(intra_list_diversity(np.array([[-1, -1]]), np.eye(2)))
