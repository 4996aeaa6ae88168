"""The fingerprint of a list's filters, which ties a cursor to the list it came from."""

from dataclasses import fields, replace
from typing import Any

import pytest

from recommendations.retrieval.filters import ListFilters

# A value of each field that filters something.
VALUES: dict[str, Any] = {
    "title": "heat",
    "genre_id": 3,
    "genres": ("crime", "drama"),
    "year": 1995,
    "year_from": 1995,
    "year_to": 1995,
    "language": "en",
    "max_runtime": 1995,
    "region": "SE",
    "exclude": frozenset({1, 2}),
    "mood": "heat",
    "repeat_after": 0,
    "exclude_watchlist": True,
}


def test_each_field_changes_the_fingerprint():
    assert list(VALUES) == [field.name for field in fields(ListFilters)]
    prints = {name: ListFilters(**{name: value}).fingerprint() for name, value in VALUES.items()}

    assert ListFilters().fingerprint() == ""
    assert len({"", *prints.values()}) == 1 + len(VALUES)


@pytest.mark.parametrize("equal", [{"genres": ("drama", "crime")}, {"language": "EN"}, {"exclude": frozenset({2, 1})}])
def test_order_and_case_do_not_change_the_fingerprint(equal):
    filters = ListFilters(**VALUES)

    assert replace(filters, **equal).fingerprint() == filters.fingerprint()
