"""What tasks did last, in the dashboard, and starting one by hand."""

import time

import pytest
from celery import current_app
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.core.cache import cache
from django.test import Client
from django_celery_beat.models import IntervalSchedule, PeriodicTask
from django_redis import get_redis_connection
from kombu.exceptions import OperationalError

from recsys_project.staff import task_board, task_signals
from recsys_project.staff.task_board import TaskRun, Worker, run_note, runs_read, worker_note, workers_read
from recsys_project.staff.work_figures import work_figures
from tests.factories import make_user
from workers.tasks import refresh

pytestmark = pytest.mark.django_db
POPULAR = "workers.tasks.refresh.popular"


@pytest.fixture(autouse=True)
def board():
    keys = [cache.make_key(f"task-board:{name}") for name in ("runs", "workers")]
    get_redis_connection("default").delete(*keys)
    yield keys
    get_redis_connection("default").delete(*keys)


@pytest.fixture
def entry() -> PeriodicTask:
    PeriodicTask.objects.all().delete()
    every = IntervalSchedule.objects.create(every=10, period="minutes")
    return PeriodicTask.objects.create(name="Popular movies", task=POPULAR, interval=every)


@pytest.fixture
def sent(monkeypatch) -> list:
    found: list = []
    monkeypatch.setattr(current_app, "send_task", lambda name, *args, **options: found.append((name, *args)))
    return found


def run_page(entry: PeriodicTask) -> str:
    return f"/admin/tasks/{entry.pk}/run/"


def with_rights(*codenames: str) -> Client:
    staff = make_user(is_staff=True)
    staff.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    client = Client()
    client.force_login(staff)
    return client


def test_a_failed_run_is_shown_with_its_cause(entry):
    run_note(TaskRun(task=POPULAR, state="failed", started_at=100.0, finished_at=103.5, cause="ValueError: no votes"))

    (task,) = work_figures()["tasks"]

    assert (task["state"], task["seconds"], task["cause"]) == ("failed", 3.5, "ValueError: no votes")
    assert task["next"].timestamp() > time.time()


def test_a_retry_says_when(entry):
    run_note(TaskRun(task=POPULAR, state="retry", started_at=100.0, finished_at=101.0, retry_at=130.0))

    assert work_figures()["tasks"][0]["retry"].timestamp() == 130


def test_a_worker_without_a_sign_of_life_is_silent():
    worker_note(Worker(name="here", queues=("train",), seen_at=time.time()))
    worker_note(Worker(name="gone", queues=("default",), seen_at=time.time() - 3600))
    worker_note(Worker(name="long ago", queues=(), seen_at=time.time() - 90_000))

    assert {worker.name: worker.silent for worker in workers_read()} == {"here": False, "gone": True}


def test_what_another_release_noted_is_left_out(board):
    redis = get_redis_connection("default")
    redis.hset(board[0], mapping={"a": "{}", "b": "no json", "c": '{"task": "c"}'})

    assert runs_read() == {}


def test_signals_note_the_state_of_a_task():
    task = refresh.popular
    task_signals._started(task)
    assert runs_read()[POPULAR].state == "running"
    task_signals._failed(task, exception=ValueError("no votes\nsecond line"))

    run = runs_read()[POPULAR]
    assert (run.state, run.cause) == ("failed", "ValueError: no votes")


def test_what_a_run_did_is_shown_if_its_task_says_so(entry):
    task = refresh.popular
    task_signals._started(task)
    task_signals._done(task, result=12)
    assert work_figures()["tasks"][0]["outcome"] == ""

    task_signals._done(task, result="12 lists folded")

    (shown,) = work_figures()["tasks"]
    assert (shown["state"], shown["cause"], shown["outcome"]) == ("done", "", "12 lists folded")


def test_a_board_without_redis_stops_no_task(monkeypatch):
    def away(alias: str):
        raise OSError("gone")

    monkeypatch.setattr(task_board, "get_redis_connection", away)

    task_signals._started(refresh.popular)
    task_signals._done(refresh.popular)


def test_staff_start_a_task_by_hand(entry, sent):
    staff = make_user(is_staff=True, is_superuser=True)
    client = Client()
    client.force_login(staff)

    answer = client.post(run_page(entry), follow=True)

    assert sent == [(POPULAR, [], {})]
    assert "sent to the workers" in answer.content.decode()
    assert LogEntry.objects.get(user=staff).change_message == "Started by hand."


def test_without_the_right_nothing_is_started(entry, sent):
    client = with_rights("view_periodictask")

    assert client.post(run_page(entry)).status_code == 403
    assert Client().post(run_page(entry)).status_code == 302
    assert "Start</button>" not in client.get("/admin/").content.decode()
    assert sent == []


def test_only_tasks_of_the_project_are_started(entry, sent):
    client = with_rights("change_periodictask")
    PeriodicTask.objects.filter(pk=entry.pk).update(task="celery.backend_cleanup")

    for page in (run_page(entry), "/admin/tasks/999999/run/"):
        assert "Nothing was started" in client.post(page, follow=True).content.decode()
    assert client.get(run_page(entry)).status_code == 405
    assert sent == []


def test_a_queue_that_is_away_is_an_answer(entry, monkeypatch):
    def fail(*args, **options):
        raise OperationalError("gone")

    monkeypatch.setattr(current_app, "send_task", fail)
    client = with_rights("change_periodictask", "view_periodictask")

    answer = client.post(run_page(entry), {"next": "elsewhere"}, follow=True)

    assert "Nothing was started" in answer.content.decode()
    assert not LogEntry.objects.exists()


@pytest.mark.parametrize("arguments", [{"kwargs": "[1]"}, {"args": "5"}, {"args": "{"}])
def test_arguments_of_another_form_are_an_answer(entry, arguments):
    PeriodicTask.objects.filter(pk=entry.pk).update(**arguments)
    client = with_rights("change_periodictask", "view_periodictask")

    answer = client.post(run_page(entry), follow=True)

    assert "Nothing was started" in answer.content.decode()
    assert not LogEntry.objects.exists()
