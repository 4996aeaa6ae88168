"""The gauges of what came of recommendations."""

import pytest
from django.db import DatabaseError
from prometheus_client import CollectorRegistry, generate_latest

from events.attribution.services import statistics_refresh
from recsys_project.metrics import outcomes
from recsys_project.metrics.state import DATABASE, Source, StateCollector
from recsys_project.metrics.view import STATE
from tests.unit.events.attribution.rows import BATCH, NEW, act, ago, show


def collector_of() -> StateCollector:
    return StateCollector([Source("outcomes", DATABASE, outcomes.outcome_metrics)])


def scrape(collector: StateCollector | None = None) -> str:
    registry = CollectorRegistry()
    registry.register(collector or collector_of())
    return generate_latest(registry).decode()


@pytest.fixture
def counted(cast):
    for hours in (4, 40):
        show(cast.bob, [cast["Heat"], cast["Babe"]], ago(hours=hours), sources=[BATCH, NEW], experiment="x", arm="b")
        act(cast.bob, cast["Heat"], "click", ago(hours=hours - 1))
    statistics_refresh()
    return cast


def test_rates_of_a_day_by_source_and_arm(counted):
    text = scrape()

    labels = '{arm="b",experiment="x",source="batch"}'
    assert f"recsys_recommendation_impressions{labels} 1.0" in text
    assert f"recsys_recommendation_click_through{labels} 1.0" in text
    assert f"recsys_recommendation_watch_through{labels} 0.0" in text
    assert 'recsys_recommendation_click_through{arm="b",experiment="x",source="new"} 0.0' in text
    assert "recsys_recommendation_statistics_age_seconds" in text
    assert str(counted.bob.pk) not in labels


def test_without_statistics_there_are_no_gauges(db):
    assert "recsys_recommendation" not in scrape()


def test_a_second_scrape_runs_no_query(counted, django_assert_num_queries):
    collector = collector_of()
    first = scrape(collector)

    with django_assert_num_queries(0):
        assert scrape(collector) == first


def test_a_scrape_without_the_database_has_no_gauges(monkeypatch):
    def fail() -> None:
        raise DatabaseError

    monkeypatch.setattr(outcomes, "statistics_as_of", fail)

    text = scrape()
    assert 'recsys_collector_up{source="outcomes"} 0.0' in text
    assert "recsys_recommendation" not in text


def test_the_page_has_the_gauges(counted, client):
    STATE.forget()

    page = client.get("/metrics", REMOTE_ADDR="127.0.0.1").content.decode()

    assert 'recsys_recommendation_click_through{arm="b",experiment="x",source="batch"} 1.0' in page
