"""Schedules that no clock can count: the admin refuses them, and one that is stored stops nothing else."""

from datetime import UTC, datetime

import pytest
from django.test import Client
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from recsys_project.celery import app
from recsys_project.staff.work_figures import work_figures
from tests.factories import make_user
from workers.beat import Scheduler
from workers.schedule import latest_slot, next_slot

pytestmark = pytest.mark.django_db
POPULAR = "workers.tasks.refresh.popular"
LIST = "/admin/django_celery_beat/periodictask/"
ADD_INTERVAL = "/admin/django_celery_beat/intervalschedule/add/"
NO_TASKS = {"periodictask_set-TOTAL_FORMS": 0, "periodictask_set-INITIAL_FORMS": 0}
DEEP = "[" * 50_000 + "]" * 50_000


@pytest.fixture
def desk() -> Client:
    client = Client(raise_request_exception=False)
    client.force_login(make_user("root@x.org", is_staff=True, is_superuser=True))
    return client


def entry(name: str, every: int, period: str = "minutes", **fields) -> PeriodicTask:
    interval = IntervalSchedule.objects.create(every=every, period=period)
    return PeriodicTask.objects.create(name=name, task=POPULAR, interval=interval, **fields)


@pytest.mark.parametrize(("every", "period"), [(2_147_483_647, "days"), (367, "days"), (1, "microseconds")])
def test_an_interval_that_no_clock_counts_is_refused(desk, every, period):
    known = IntervalSchedule.objects.count()

    page = desk.post(ADD_INTERVAL, {"every": every, "period": period, **NO_TASKS})

    assert page.status_code == 200
    assert "from 1 second to 366 days" in page.content.decode()
    assert IntervalSchedule.objects.count() == known


def test_an_interval_of_five_minutes_is_saved(desk):
    page = desk.post(ADD_INTERVAL, {"every": 5, "period": "minutes", **NO_TASKS})

    assert page.status_code == 302
    assert IntervalSchedule.objects.filter(every=5, period="minutes").exists()


@pytest.mark.parametrize("field", ["args", "kwargs"])
@pytest.mark.parametrize(
    "text",
    [
        DEEP,
        '[{"__type__": "uuid", "__value__": {"hex": 1}}]',
        '[{"__type__": [], "__value__": 1}]',
        "[NaN]",
        '""',
        "null",
        "5",
    ],
)
def test_arguments_that_beat_cannot_read_are_refused(desk, field, text):
    interval = IntervalSchedule.objects.create(every=5, period="minutes")
    data = {"name": "Mine", "regtask": POPULAR, "interval": interval.pk, "args": "[]", "kwargs": "{}"}

    page = desk.post(f"{LIST}add/", data | {field: text})

    assert page.status_code == 200
    assert not PeriodicTask.objects.filter(name="Mine").exists()


def test_an_entry_with_plain_arguments_is_saved(desk):
    interval = IntervalSchedule.objects.create(every=5, period="minutes")
    data = {"name": "Mine", "regtask": POPULAR, "interval": interval.pk, "args": "[]", "kwargs": "{}"}

    assert desk.post(f"{LIST}add/", data).status_code == 302
    assert PeriodicTask.objects.get(name="Mine").task == POPULAR


@pytest.mark.parametrize(
    "broken", [{"every": 2_147_483_647, "period": "days"}, {"every": 5, "args": '[{"__type__": [], "__value__": 1}]'}]
)
def test_beat_leaves_out_an_unreadable_entry_alone(broken):
    entry("Broken", **broken)
    entry("Whole", 7)

    names = set(Scheduler(app=app, lazy=True).all_as_schedule())

    assert "Whole" in names
    assert "Broken" not in names


@pytest.mark.parametrize("every", [2_147_483_647, 999_999_999])
def test_an_endless_interval_hides_no_other_task(desk, every):
    PeriodicTask.objects.all().delete()
    broken = entry("Broken", every, "days")
    entry("Whole", 7)

    page = desk.get(LIST)

    assert page.status_code == 200
    assert "Whole" in page.content.decode()
    assert next_slot(broken, now=datetime.now(UTC)) is None
    assert {task["name"] for task in work_figures()["tasks"]} == {"Broken", "Whole"}
    PeriodicTask.objects.exclude(pk=broken.pk).delete()
    assert latest_slot(POPULAR, now=datetime.now(UTC)) is None


def test_a_task_that_starts_on_the_last_day_hides_no_other_task(desk):
    entry("Late", 7, start_time=datetime(9999, 12, 31, 23, 59, tzinfo=UTC))
    PeriodicTask.objects.filter(name="Late").update(last_run_at=datetime(9999, 12, 31, 23, 59, tzinfo=UTC))

    page = desk.get(LIST)

    assert page.status_code == 200
    assert "Late" in page.content.decode()
    assert "Late" in {task["name"] for task in work_figures()["tasks"]}
