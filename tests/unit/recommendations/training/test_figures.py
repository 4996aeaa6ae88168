"""Values of versions are rounded for people."""

import pytest

from recommendations.training.figures import difference_text, figure_text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "-"),
        ([], "-"),
        (0.123456, "0.1235"),
        (5.0, "5"),
        (100836.4, "100,836"),
        (-1234.5, "-1,234"),
        (1e-7, "1e-07"),
        (100836, "100,836"),
        (True, "True"),
        ([0.123456, None, 1234.56], "0.1235, -, 1,235"),
        (float("inf"), "inf"),
        ("als", "als"),
    ],
)
def test_a_value_is_rounded(value, text):
    assert figure_text(value) == text


@pytest.mark.parametrize(
    ("value", "text"), [(None, ""), (0.0, "0"), (0.0123456, "+0.01235"), (-1234.56, "-1,235"), (1000, "+1,000")]
)
def test_a_difference_has_its_sign(value, text):
    assert difference_text(value) == text
