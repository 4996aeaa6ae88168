from datetime import UTC, datetime, timedelta
from importlib import import_module

import pytest
from django.apps import apps
from django.db.migrations.recorder import MigrationRecorder
from django.urls import reverse
from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask
from django_celery_beat.tzcrontab import TzAwareCrontab

from recsys_project.celery import app
from tests.factories import make_user
from workers.beat import Scheduler
from workers.schedule import latest_of_crontab, latest_slot, next_slot, schedule_in_words

schedule = import_module("workers.migrations.0001_schedule")
later = import_module("workers.migrations.0002_tuning_and_tokens")
each_minute = import_module("workers.migrations.0004_run_due")
sweep = import_module("workers.migrations.0005_sweep_announcements")
served_log = import_module("workers.migrations.0007_served_log")
TRAIN = "workers.tasks.training.train"


@pytest.fixture
def delivered(db) -> None:
    """The schedule as the migration leaves it; other tests may have emptied the tables since."""
    schedule.create_schedule(apps, None)
    later.create_schedule(apps, None)
    each_minute.run_due_each_minute(apps, None)
    sweep.create_sweep(apps, None)
    served_log.create_schedule(apps, None)
    MigrationRecorder.Migration.objects.filter(app="workers").update(applied=at("2026-01-01 00:00"))


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_every_scheduled_task_exists_and_goes_to_its_queue(delivered):
    # As a worker does; no other test need have imported the tasks.
    app.loader.import_default_modules()
    queues = {}
    for entry in PeriodicTask.objects.exclude(task="celery.backend_cleanup"):
        assert entry.task in app.tasks, entry.name
        queues[entry.task] = app.amqp.router.route({}, entry.task)["queue"].name

    assert queues == {
        "workers.tasks.training.train": "train",
        "workers.tasks.training.run_due": "train",
        "workers.tasks.training.tune": "train",
        "workers.tasks.catalogue.run_waiting": "default",
        "workers.tasks.maintenance.flush_tokens": "default",
        "workers.tasks.maintenance.announce_changes": "default",
        "workers.tasks.maintenance.measure_recall": "default",
        "workers.tasks.mails.send": "default",
        "workers.tasks.served.drain": "default",
        "workers.tasks.served.partitions": "default",
        "workers.tasks.attribution.hourly": "default",
        "workers.tasks.attribution.nightly": "default",
        "workers.tasks.readiness.count": "default",
        "workers.tasks.refresh.popular": "default",
        "workers.tasks.refresh.embeddings": "default",
        "workers.tasks.watch.hourly": "default",
        "workers.tasks.watch.trainings": "default",
        "workers.tasks.folding.hourly": "default",
    }


def test_the_night_is_in_utc_and_messages_expire_before_the_next(delivered):
    nightly = PeriodicTask.objects.get(name="Nightly training")

    assert str(nightly.crontab.timezone) == "UTC"
    assert (nightly.crontab.hour, nightly.crontab.minute) == ("3", "0")
    assert all(entry.expire_seconds for entry in PeriodicTask.objects.filter(task__startswith="workers."))


def test_what_staff_changed_stays_changed(delivered):
    PeriodicTask.objects.filter(name="Nightly training").update(enabled=False, expire_seconds=9)

    schedule.create_schedule(apps, None)

    nightly = PeriodicTask.objects.get(name="Nightly training")
    assert (nightly.enabled, nightly.expire_seconds) == (False, 9)


def test_due_trainings_are_checked_each_minute(delivered):
    assert not PeriodicTask.objects.filter(name="Trainings that staff asked for").exists()
    entry = PeriodicTask.objects.get(name="Trainings that are due")

    assert (entry.interval.every, entry.interval.period, entry.expire_seconds) == (1, "minutes", 55)


@pytest.mark.parametrize(
    ("crontab", "now", "expected"),
    [
        ({"hour": "3", "minute": "0"}, "2026-05-10 02:59", "2026-05-09 03:00"),
        ({"hour": "3", "minute": "0"}, "2026-05-10 03:00", "2026-05-10 03:00"),
        ({"hour": "3", "minute": "0"}, "2026-05-10 23:59", "2026-05-10 03:00"),
        ({"hour": "*/6", "minute": "30"}, "2026-05-10 05:00", "2026-05-10 00:30"),
        ({"hour": "*", "minute": "*"}, "2026-05-10 05:07", "2026-05-10 05:07"),
        # The tenth of May 2026 is a Sunday.
        ({"hour": "4", "minute": "0", "day_of_week": "0"}, "2026-05-16 12:00", "2026-05-10 04:00"),
        ({"hour": "4", "minute": "0", "day_of_month": "31"}, "2026-07-15 12:00", "2026-05-31 04:00"),
        ({"hour": "4", "minute": "0", "day_of_month": "29", "month_of_year": "2"}, "2026-05-10 12:00", None),
    ],
)
def test_the_newest_time_of_a_crontab(crontab, now, expected):
    latest = latest_of_crontab(TzAwareCrontab(**crontab), at(now))

    assert latest == (None if expected is None else at(expected))


def test_what_staff_set_decides_when_the_night_is_due(delivered):
    entry = PeriodicTask.objects.get(name="Nightly training")
    now = at("2026-05-10 12:00")
    assert latest_slot(TRAIN, now=now) == at("2026-05-10 03:00")

    entry.crontab = CrontabSchedule.objects.create(hour="5", minute="15", timezone="Europe/Berlin")
    entry.save()
    assert latest_slot(TRAIN, now=now) == at("2026-05-10 03:15")

    entry.crontab, entry.interval = None, IntervalSchedule.objects.create(every=7, period="hours")
    entry.save()
    assert timedelta(0) <= now - latest_slot(TRAIN, now=now) < timedelta(hours=7)

    PeriodicTask.objects.filter(pk=entry.pk).update(start_time=at("2026-05-11 00:00"))
    assert latest_slot(TRAIN, now=now) is None
    PeriodicTask.objects.filter(pk=entry.pk).update(start_time=None, enabled=False)
    assert latest_slot(TRAIN, now=now) is None


def test_a_day_that_no_calendar_has_is_logged_and_left(delivered, caplog):
    entry = PeriodicTask.objects.get(name="Nightly training")
    entry.crontab = CrontabSchedule.objects.create(day_of_month="30", month_of_year="2", timezone="UTC")
    entry.save()

    assert latest_slot(TRAIN, now=at("2026-05-10 12:00")) is None
    assert "schedule_not_readable" in caplog.text


def test_a_night_before_the_system_was_there_was_not_missed(delivered):
    MigrationRecorder.Migration.objects.filter(app="workers").update(applied=at("2026-05-10 10:00"))

    assert latest_slot(TRAIN, now=at("2026-05-11 02:59")) is None
    assert latest_slot(TRAIN, now=at("2026-05-11 03:00")) == at("2026-05-11 03:00")


def test_beat_keeps_hourly_entries_and_runs_a_missed_one(delivered):
    now = datetime.now(UTC)
    # Six hours ago: outside the window in which django-celery-beat looks.
    missed = now - timedelta(hours=6)
    tokens = PeriodicTask.objects.get(name="Expired tokens")
    tokens.crontab = CrontabSchedule.objects.create(hour=str(missed.hour), minute="0", timezone="UTC")
    tokens.last_run_at = missed - timedelta(days=1)
    tokens.save()

    beat = Scheduler(app=app, lazy=True)
    entries = beat.all_as_schedule()

    assert set(entries) == set(PeriodicTask.objects.filter(enabled=True).values_list("name", flat=True))
    assert entries["Expired tokens"].is_due().is_due
    PeriodicTask.objects.filter(pk=tokens.pk).update(last_run_at=now)
    assert not beat.all_as_schedule()["Expired tokens"].is_due().is_due


def test_the_next_time_of_an_entry(delivered):
    entry = PeriodicTask.objects.get(name="Nightly training")
    now = at("2026-05-10 12:00")
    assert next_slot(entry, now=now) == at("2026-05-11 03:00")
    assert schedule_in_words(entry) == "At 03:00 AM UTC"

    entry.crontab = CrontabSchedule.objects.create(hour="5", minute="15", timezone="Europe/Berlin")
    assert next_slot(entry, now=now) == at("2026-05-11 03:15")
    entry.start_time = at("2026-06-01 00:00")
    assert next_slot(entry, now=now) == at("2026-06-01 03:15")
    entry.expires = at("2026-06-01 03:00")
    assert next_slot(entry, now=now) is None
    entry.expires, entry.enabled = None, False
    assert next_slot(entry, now=now) is None


def test_the_next_time_of_an_interval(delivered):
    entry = PeriodicTask.objects.get(name="Trainings that are due")
    now = at("2026-05-10 12:00")
    entry.last_run_at = now - timedelta(seconds=20)
    assert next_slot(entry, now=now) == now + timedelta(seconds=40)
    assert schedule_in_words(entry) == "Every minute"

    # Late already: as soon as beat looks.
    entry.last_run_at = now - timedelta(hours=1)
    assert next_slot(entry, now=now) == now


def test_a_day_that_no_calendar_has_is_never_next(delivered):
    entry = PeriodicTask.objects.get(name="Nightly training")
    entry.crontab = CrontabSchedule.objects.create(day_of_month="30", month_of_year="2", timezone="UTC")

    assert next_slot(entry, now=at("2026-05-10 12:00")) is None


def test_the_admin_says_when_each_task_runs_next(delivered, client):
    client.force_login(make_user(is_staff=True, is_superuser=True))

    page = client.get(reverse("admin:django_celery_beat_periodictask_changelist")).content.decode()

    assert "At 03:00 AM UTC" in page
    assert "03:00 UTC</time>" in page
