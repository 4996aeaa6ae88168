"""The statistics of hours and days."""

from datetime import timedelta

import psycopg
import pytest
from django.db import connection
from django.utils import timezone

from accounts.deletion import user_delete
from events.attribution import rollup, services
from events.attribution.models import AttributionProgress
from events.attribution.services import statistics_close_days, statistics_refresh
from events.models import Interaction, RecommendationOutcome, RecommendationStatistic
from movies.db import advisory_locks as locks
from movies.models import Movie
from tests.unit.events.attribution.rows import BATCH, NEW, POPULAR, act, ago, hour_of, show, show_again, statistic

AT = timedelta(minutes=30)


@pytest.fixture
def three(cast):
    Movie.objects.filter(pk=cast["Heat"].pk).update(runtime_minutes=120)
    return [cast["Heat"], cast["Babe"], cast["Alien"]]


def rows(period: str = "hour") -> list[tuple]:
    fields = [f.name for f in RecommendationStatistic._meta.fields if f.name not in ("id", "as_of")]
    return sorted(RecommendationStatistic.objects.filter(period=period).values_list(*fields), key=repr)


def test_an_impression_counts_once_whatever_it_led_to(cast, three):
    hour = hour_of(ago(hours=5))
    shown = show(cast.bob, three, hour + AT)
    for minute in (1, 2, 3):
        act(cast.bob, cast["Heat"], "click", hour + AT + timedelta(minutes=minute), recommendation_id=shown)
    act(cast.bob, cast["Heat"], "view", hour + AT + timedelta(minutes=4), recommendation_id=shown)
    act(cast.bob, cast["Babe"], "hide", hour + AT + timedelta(minutes=5))
    statistics_refresh()

    total = statistic(hour)
    assert (total.impressions, total.lists, total.people, total.people_acted) == (3, 1, 1, 1)
    assert (total.opened, total.clicks, total.views, total.hides) == (1, 1, 1, 1)
    assert (total.likes, total.dislikes, total.watches, total.ratings) == (0, 0, 0, 0)
    assert statistic(hour + timedelta(hours=1)) is None


def test_hours_watched_follow_the_furthest_progress(cast, three):
    hour = hour_of(ago(hours=5))
    show(cast.bob, three, hour + AT)
    show(cast.carol, three, hour + AT)
    for minute, progress in ((10, 0.2), (30, 0.5)):
        act(cast.bob, cast["Heat"], "partial", hour + AT + timedelta(minutes=minute), progress=progress)
    act(cast.carol, cast["Heat"], "watch", hour + AT + timedelta(minutes=30))
    statistics_refresh()

    total = statistic(hour)
    assert (total.started, total.watches) == (2, 1)
    assert total.hours_watched == pytest.approx(2 * 0.5 + 2)


def test_an_unknown_running_time_counts_a_hundred_minutes(cast, three):
    Movie.objects.filter(pk=cast["Heat"].pk).update(runtime_minutes=None)
    hour = hour_of(ago(hours=5))
    show(cast.bob, three, hour + AT)
    act(cast.bob, cast["Heat"], "partial", hour + AT + timedelta(minutes=10), progress=0.6)
    statistics_refresh()

    assert statistic(hour).hours_watched == pytest.approx(1)


def test_the_newest_rating_counts(cast, three):
    hour = hour_of(ago(hours=5))
    show(cast.bob, three, hour + AT)
    for minute, value in ((10, 2), (20, 4.5)):
        act(cast.bob, cast["Heat"], "rating", hour + AT + timedelta(minutes=minute), value=value)
    statistics_refresh()

    assert (statistic(hour).ratings, statistic(hour).rating_sum) == (1, 4.5)


def test_each_dimension_sums_to_the_total(cast, three):
    hour = hour_of(ago(hours=5))
    show(cast.bob, three, hour + AT, sources=[BATCH, POPULAR, NEW], model_version_id=4, client_id=9)
    show(cast.carol, three, hour + AT, experiment="blend", arm="b", endpoint="group")
    show(None, three, hour + AT)
    act(cast.bob, cast["Babe"], "click", hour + AT + timedelta(minutes=1))
    act(cast.carol, cast["Heat"], "click", hour + AT + timedelta(minutes=1))
    statistics_refresh()

    assert statistic(hour).impressions == 6
    for dimension in ("source", "position", "version", "arm", "client", "endpoint", "source_arm"):
        counted = RecommendationStatistic.objects.filter(period="hour", starts_at=hour, dimension=dimension)
        assert sum(row.impressions for row in counted) == 6, dimension
        assert sum(row.clicks for row in counted) == 2, dimension
    assert statistic(hour, "source", "popular").clicks == 1
    assert statistic(hour, "source", "batch").impressions == 4
    assert statistic(hour, "position", "2").clicks == 1
    assert statistic(hour, "version", "4").people == 1
    assert statistic(hour, "client", "9").clicks == 1
    assert statistic(hour, "endpoint", "group").clicks == 1
    assert statistic(hour, "arm", "", experiment="blend", arm="b").people_acted == 1
    assert statistic(hour, "source_arm", "batch", experiment="blend", arm="b").impressions == 3


def test_pages_count_the_places_they_showed(cast):
    movies = list(Movie.objects.order_by("pk")) * 3
    hour = hour_of(ago(hours=5))
    shown = show(cast.bob, movies, hour + AT, count=20)
    show_again(shown, cast.bob, hour + AT, start=20, count=50)
    statistics_refresh()

    assert statistic(hour).impressions == 27
    assert statistic(hour).lists == 1
    assert statistic(hour, "position", "20").impressions == 1
    assert statistic(hour, "position", "21-50").impressions == 7


def test_values_shown_least_are_counted_together(cast, three, monkeypatch):
    hour = hour_of(ago(hours=5))
    for version in range(rollup.MAX_VALUES + 2):
        show(cast.bob, three[: 2 if version else 1], hour + AT, model_version_id=version)
    statistics_refresh()

    versions = RecommendationStatistic.objects.filter(period="hour", dimension="version")
    assert versions.count() == rollup.MAX_VALUES + 1
    assert statistic(hour, "version", "0") is None
    assert statistic(hour, "version", "other").impressions == 3
    assert statistic(hour, "version", "other").people is None


def test_a_repeated_run_changes_nothing(cast, three):
    hour = hour_of(ago(hours=30))
    show(cast.bob, three, hour + AT)
    act(cast.bob, cast["Heat"], "like", hour + AT + timedelta(minutes=1))
    statistics_close_days()
    before = rows("hour"), rows("day"), list(RecommendationOutcome.objects.values())
    statistics_close_days()
    statistics_refresh()

    assert before == (rows("hour"), rows("day"), list(RecommendationOutcome.objects.values()))
    assert len(before[1]) > 0


def test_a_killed_run_is_continued(cast, three, monkeypatch):
    hour = hour_of(ago(hours=200))
    show(cast.bob, three, hour + AT)
    act(cast.bob, cast["Heat"], "like", hour + AT + timedelta(minutes=1))
    with monkeypatch.context() as patched:
        patched.setattr(services.rollup, "hour_count", lambda hour: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            statistics_refresh()
    assert not RecommendationStatistic.objects.exists()

    statistics_refresh()

    assert statistic(hour).likes == 1
    assert AttributionProgress.objects.get().pending_hours == []


def test_an_undo_is_taken_out_of_its_hour_and_day(cast, three):
    hour = hour_of(ago(hours=50))
    day = hour.replace(hour=0)
    show(cast.bob, three, hour + AT)
    like = act(cast.bob, cast["Heat"], "like", hour + AT + timedelta(minutes=1))
    statistics_close_days()
    assert (statistic(hour).likes, statistic(day, period="day").likes) == (1, 1)

    Interaction.objects.filter(pk=like.pk).update(undone_at=timezone.now())
    statistics_refresh(now=timezone.now())
    assert statistic(hour).likes == 0
    assert statistic(day, period="day").likes == 1

    statistics_close_days(now=timezone.now())
    assert statistic(day, period="day").likes == 0
    assert statistic(day, period="day").impressions == 3


def test_a_person_in_two_hours_is_one_of_the_day(cast, three):
    day = hour_of(ago(days=2)).replace(hour=0)
    shown = show(cast.bob, three, day + AT)
    show_again(shown, cast.bob, day + AT + timedelta(hours=3))
    statistics_close_days()

    total = statistic(day, period="day")
    assert (total.impressions, total.lists, total.people, total.people_acted) == (6, 1, 1, 0)


def test_today_has_hours_and_no_day(cast, three):
    now = hour_of(ago()) + timedelta(minutes=59)
    show(cast.bob, three, now - timedelta(minutes=58))
    statistics_close_days(now=now)

    assert statistic(hour_of(now)).impressions == 3
    assert rows("day") == []
    assert AttributionProgress.objects.get().pending_days[-1] == now.replace(hour=0, minute=0)


def test_old_rows_are_dropped(cast, three, settings):
    settings.ATTRIBUTION_HOURLY_DAYS, settings.ATTRIBUTION_DAILY_MONTHS = 3, 1
    hour = hour_of(ago(hours=26))
    show(cast.bob, three, hour + AT)
    act(cast.bob, cast["Heat"], "like", hour + AT + timedelta(minutes=1))
    statistics_close_days()
    assert statistic(hour.replace(hour=0), period="day").likes == 1
    settled = rows("day")

    statistics_close_days(now=timezone.now() + timedelta(days=10))
    assert rows("hour") == []
    assert not RecommendationOutcome.objects.exists()
    assert rows("day") == settled

    statistics_close_days(now=timezone.now() + timedelta(days=40))
    assert rows("day") == []


@pytest.mark.django_db(transaction=True)
def test_a_second_run_at_the_same_time_does_nothing():
    with psycopg.connect(**connection.get_connection_params(), autocommit=True) as other:
        other.execute("SELECT pg_advisory_lock(%s, %s)", [locks._NAMESPACE, locks._key("attribution")])

        assert (statistics_refresh(), statistics_close_days()) == (None, None)
        # The server notices a closed connection a moment later.
        other.execute("SELECT pg_advisory_unlock_all()")
    assert not AttributionProgress.objects.exists()

    assert statistics_refresh() is not None
    assert AttributionProgress.objects.exists()


def test_a_deleted_person_counts_nowhere(cast, three):
    hour = hour_of(ago(hours=5))
    show(cast.bob, three, hour + AT)
    show(cast.carol, three, hour + AT)
    act(cast.bob, cast["Heat"], "like", hour + AT + timedelta(minutes=1))
    statistics_refresh()
    assert (statistic(hour).likes, statistic(hour).people) == (1, 2)

    user_delete(user_id=cast.bob.pk)
    rollup.hour_count(hour)

    assert (statistic(hour).likes, statistic(hour).people, statistic(hour).people_acted) == (0, 1, 0)
