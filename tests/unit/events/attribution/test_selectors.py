"""Sums of statistics over days."""

from datetime import UTC, datetime, timedelta

import pytest

from events.attribution.dimensions import Dimension
from events.attribution.selectors import COUNTS, outcomes_by, outcomes_by_day, statistics_as_of, statistics_total
from events.models import RecommendationStatistic

pytestmark = pytest.mark.django_db
DAY = datetime(2026, 3, 10, tzinfo=UTC)
LATER = DAY + timedelta(days=9)


def row(starts_at, period="hour", dimension="total", **fields):
    return RecommendationStatistic.objects.create(
        period=period,
        starts_at=starts_at,
        dimension=dimension,
        as_of=starts_at + timedelta(minutes=9),
        **dict.fromkeys(COUNTS, 0) | fields,
    )


def test_hours_are_summed_by_value():
    for hour in (1, 2):
        row(DAY + timedelta(hours=hour), dimension="source", value="batch", impressions=20, opened=2, watches=1)
    row(DAY, dimension="source", value="new", impressions=50, ratings=2, rating_sum=9)
    row(DAY, dimension="position", value="1", impressions=7)
    row(DAY - timedelta(hours=1), dimension="source", value="batch", impressions=9)
    new, batch = outcomes_by(Dimension.SOURCE, since=DAY, until=LATER)

    assert (new.value, new.impressions, new.average_rating, new.click_through) == ("new", 50, 4.5, 0)
    assert (batch.value, batch.impressions, batch.click_through, batch.watch_through) == ("batch", 40, 0.1, 0.05)
    assert batch.average_rating is None


def test_days_count_once_their_hours_are_gone():
    row(DAY, "day", impressions=100)
    row(DAY + timedelta(days=1), "day", impressions=30)
    row(DAY + timedelta(days=1, hours=5), impressions=31)
    row(DAY + timedelta(days=2, hours=5), impressions=7)

    assert [(day.value, day.impressions) for day in outcomes_by_day(since=DAY, until=LATER)] == [
        ("2026-03-10", 100),
        ("2026-03-11", 31),
        ("2026-03-12", 7),
    ]


def test_arms_of_two_experiments_stay_apart():
    row(DAY, dimension="arm", experiment="a", arm="b", impressions=3)
    row(DAY, dimension="arm", experiment="c", arm="b", impressions=2)

    assert [(o.experiment, o.arm, o.impressions) for o in outcomes_by(Dimension.ARM, since=DAY, until=LATER)] == [
        ("a", "b", 3),
        ("c", "b", 2),
    ]


def test_without_rows_there_is_nothing():
    assert outcomes_by(Dimension.TOTAL, since=DAY, until=LATER) == []
    assert outcomes_by_day(since=DAY, until=LATER) == []
    assert statistics_as_of() is None
    total = statistics_total(RecommendationStatistic.objects.all())
    assert (total.impressions, total.hours_watched, total.click_through) == (0, 0.0, None)
