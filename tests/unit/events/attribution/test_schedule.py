"""The schedule and the settings of attribution."""

import math
from importlib import import_module

import pytest
from django.apps import apps
from django_celery_beat.models import PeriodicTask

from events.attribution.checks import check_attribution
from events.models import RecommendationStatistic
from tests.unit.events.attribution.rows import ago, show
from workers.tasks import attribution


@pytest.mark.django_db
@pytest.mark.parametrize("task", [attribution.hourly, attribution.nightly])
def test_both_tasks_are_scheduled(task):
    # Other tests may have emptied the table.
    import_module("workers.migrations.0008_attribution").create_entries(apps, None)
    assert PeriodicTask.objects.get(task=task.name, enabled=True).crontab.timezone.key == "UTC"


def test_the_tasks_count_hours_and_days(cast):
    show(cast.bob, [cast["Heat"]], ago(days=2))

    assert attribution.hourly() >= 1
    assert attribution.nightly() >= 1
    assert set(RecommendationStatistic.objects.values_list("period", flat=True)) == {"hour", "day"}


@pytest.mark.parametrize(
    ("name", "value"),
    [("ATTRIBUTION_WINDOW_HOURS", math.nan), ("ATTRIBUTION_HOURLY_DAYS", 2), ("ATTRIBUTION_DAILY_MONTHS", 0)],
)
def test_a_wrong_setting_is_named(settings, name, value):
    assert check_attribution() == []
    setattr(settings, name, value)

    assert [error.msg.split(":")[0] for error in check_attribution()] == [name]
