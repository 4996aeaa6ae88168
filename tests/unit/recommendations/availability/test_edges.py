"""What is held of a region ends when a window opens or closes: in Redis, in a process and in the main loop."""

import time
from datetime import UTC, date, datetime

import pytest

from movies.availability import days
from movies.availability.services import Window, availability_set
from recommendations.curation.active import curation_now, placer
from recommendations.discovery.popular import popular_list
from recommendations.discovery.stamped_cache import noting_expiries
from recommendations.retrieval import availability, database_state
from recommendations.retrieval.database_state import catalogue_token, current_state
from recommendations.retrieval.filters import ListFilters
from tests.query_counts import statements

NOON = datetime(2026, 5, 10, 12, tzinfo=UTC)
MIDNIGHT = datetime(2026, 5, 11, tzinfo=UTC)


@pytest.fixture
def clock(monkeypatch):
    def move(moment: datetime) -> None:
        monkeypatch.setattr(days, "now", moment.timestamp)

    move(NOON)
    return move


def test_what_is_shared_expires_at_the_next_edge(cast, clock):
    availability_set(movie_ids=[cast["Heat"].pk], windows=[Window("SE", None, date(2026, 5, 10))])
    catalogue_token()
    found = []
    for _ in range(2):
        with noting_expiries() as expiries:
            popular_list(region="SE")
        found += expiries

    assert found == [MIDNIGHT.timestamp()] * 2
    clock(MIDNIGHT)
    with noting_expiries() as expiries:
        popular_list(region="SE")
    assert expiries[0] > time.time()


def test_the_main_loop_knows_edges_without_a_query(cast, clock):
    availability_set(movie_ids=[cast["Heat"].pk], windows=[Window("SE", date(2026, 5, 11))])
    catalogue_token()
    assign = placer(current_state())
    tokens = []

    def read() -> None:
        tokens.extend(assign(cast.alice.pk, region).token for region in ("SE", "NO", ""))

    assert statements(read) == []
    clock(MIDNIGHT)
    assert statements(read) == []
    assert len(set(tokens)) == 6
    assert not [token for token in tokens if " " in token]


def test_a_region_is_read_once_until_something_changes(cast, clock):
    heat, babe = cast["Heat"].pk, cast["Babe"].pk
    availability_set(movie_ids=[heat], windows=[Window("SE", date(2026, 5, 11))])
    catalogue_token()

    def absent() -> frozenset[int]:
        return curation_now().availability.unavailable("SE")

    assert absent() == {heat}
    assert statements(absent, read_state=False) == []
    clock(MIDNIGHT)
    assert absent() == frozenset()
    availability_set(movie_ids=[babe], windows=[Window("NO")])
    database_state.clear_cache()
    clock(NOON)
    assert absent() == {heat, babe}


def test_a_process_keeps_a_bounded_number_of_regions(cast, clock, monkeypatch):
    monkeypatch.setattr(availability, "MAX_HELD", 2)
    availability_set(movie_ids=[cast["Heat"].pk], windows=[Window("SE")])
    catalogue_token()
    held = curation_now().availability

    for region in ("SE", "NO", "DE", "FR"):
        assert held.unavailable(region) == (set() if region == "SE" else {cast["Heat"].pk})
    assert len(held._held) <= 2


def test_a_region_alone_makes_no_filtered_list():
    assert not ListFilters(region="SE")
    assert not ListFilters(region="SE").narrows
    assert ListFilters(region="SE", language="en")
    assert ListFilters(region="SE").fingerprint() not in ("", ListFilters(region="NO").fingerprint())
