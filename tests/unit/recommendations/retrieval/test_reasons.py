"""Reasons in words."""

from datetime import UTC, datetime

import pytest

from events.selectors import Signal
from recommendations.retrieval.reasons import TASTE, because_of


@pytest.mark.parametrize(
    ("kind", "value", "code", "text"),
    [
        ("rating", 3.5, "because_liked", "Because you liked Heat {}"),
        ("like", None, "because_liked", "Because you liked Heat {}"),
        ("watch", None, "because_watched", "Because you watched Heat {}"),
        ("view", None, "because_viewed", "Because you viewed Heat {}"),
    ],
)
def test_a_reason_names_what_the_person_did(kind, value, code, text):
    signal = Signal(7, kind, value, datetime(2024, 1, 1, tzinfo=UTC))

    assert because_of(signal, "Heat {}") == {"code": code, "text": text, "movie_id": 7}


def test_a_rating_nobody_would_call_liking_is_not_named():
    assert because_of(Signal(7, "rating", 3.0, datetime(2024, 1, 1, tzinfo=UTC)), "Heat") == TASTE


@pytest.mark.parametrize("kind", ["dislike", "hide"])
def test_a_negative_signal_is_not_named_as_a_reason(kind):
    assert because_of(Signal(7, kind, None, datetime(2024, 1, 1, tzinfo=UTC)), "Heat") == TASTE
