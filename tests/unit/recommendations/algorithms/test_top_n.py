import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from recommendations.algorithms.top_n import top_n, top_n_of_two


@given(arrays(np.float32, (4, 9), elements=st.sampled_from([-np.inf, -1.0, 0.0, 0.5, 1.0])), st.integers(1, 12))
def test_the_best_come_first_and_ties_are_ordered_by_position(scores, n):
    positions, values = top_n(scores, n)

    for row in range(4):
        order = sorted((item for item in range(9) if scores[row, item] > -np.inf), key=lambda i: (-scores[row, i], i))
        expected = order[:n] + [-1] * (min(n, 9) - len(order[:n]))
        assert positions[row].tolist() == expected
        assert [scores[row, at] for at in positions[row] if at >= 0] == values[row][positions[row] >= 0].tolist()


def test_no_columns_give_empty_lists():
    positions, values = top_n(np.zeros((3, 0), np.float32), 5)

    assert positions.shape == values.shape == (3, 0)


def test_a_list_of_no_length_is_refused():
    with pytest.raises(ValueError, match="1 or more"):
        top_n(np.zeros((1, 3), np.float32), 0)


@pytest.mark.parametrize("widths", [(30, 50), (5, 50), (30, 0), (4, 3), (12, 12)])
@pytest.mark.parametrize("n", [1, 12, 40])
def test_the_best_of_two_are_those_of_both_side_by_side(widths, n):
    rng = np.random.default_rng(n)
    # Few different values, so that many tie.
    whole = rng.integers(0, 9, (20, sum(widths))).astype(np.float32)
    whole[rng.random(whole.shape) < 0.2] = -np.inf
    whole[3] = -np.inf

    positions, scores = top_n_of_two(whole[:, : widths[0]], whole[:, widths[0] :], n)

    expected = top_n(whole, n)
    assert np.array_equal(scores, expected[1])
    assert np.array_equal(positions, expected[0])
