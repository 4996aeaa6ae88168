"""A real worker, through the real broker, trains on a real database; killed at any point, the next look makes it up."""

import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest
from django.conf import settings
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder
from django.test import override_settings
from django.utils import timezone
from django_celery_beat.models import CrontabSchedule, PeriodicTask

from accounts.models import User
from events.models import Rating
from movies.models import Movie
from recommendations.models import BatchRecommendation, ModelVersion, MovieEmbedding
from recommendations.training import nightly
from recommendations.vectors.artefacts import artefacts_whole
from recsys_project.celery import app
from tests.factories import make_version

WAIT_SECONDS = 60
QUEUE = f"test-train-{uuid.uuid4()}"
Status = ModelVersion.Status


def wait_until(done: Callable[[], bool], log: Path | None) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < deadline:
        if done():
            return
        time.sleep(0.1)
    raise AssertionError("" if log is None else log.read_text()[-5000:])


def database_url() -> str:
    """The address of the database this test runs in."""
    return urlsplit(settings.DATABASE_URL)._replace(path=f"/{connection.settings_dict['NAME']}").geturl()


def worker_environment(folder: Path) -> dict[str, str]:
    """What a process needs to work on this test's data, with its files in ``folder``."""
    return os.environ | {
        "DJANGO_SETTINGS_MODULE": "recsys_project.settings.test",
        "DATABASE_URL": database_url(),
        "REDIS_URL": settings.REDIS_URL,
        "RECSYS_VAR": str(folder),
        "MODEL_DIR": str(folder / "models"),
        "OPENBLAS_NUM_THREADS": "1",
    }


class Worker:
    """A worker of the test's own queue with two processes; ``log`` is what it says."""

    def __init__(self, folder: Path, **environment: str) -> None:
        self.folder, self.log = folder, folder / "worker.log"
        self.environment = worker_environment(folder) | environment
        self.process = self.start()

    def start(self) -> subprocess.Popen:
        command = [sys.executable, "-m", "celery", "--app", "recsys_project", "worker", "--queues", QUEUE]
        command += ["--concurrency", "2", "--loglevel", "info", "--without-mingle", "--without-gossip"]
        with self.log.open("ab") as log:
            return subprocess.Popen(
                command, stdout=log, stderr=log, cwd=settings.BASE_DIR, env=self.environment, start_new_session=True
            )

    def kill(self) -> None:
        """What a power cut does: the worker and its children are gone at once."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(timeout=30)

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(timeout=60)


@pytest.fixture
def worker(transactional_db: None, tmp_path: Path) -> Iterator[Worker]:
    running = Worker(tmp_path)
    yield running
    running.stop()


def fill(people: int, movies: int) -> None:
    rng = np.random.default_rng(0)
    films = Movie.objects.bulk_create(Movie(title=f"Film {n}", overview=f"words {n % 7}") for n in range(movies))
    fans = User.objects.bulk_create(User(dataset="ml-test", dataset_user_id=n) for n in range(people))
    Rating.objects.bulk_create(
        Rating(user=fan, movie=films[n], value=4) for fan in fans for n in rng.choice(movies, 12, replace=False)
    )


def send(name: str) -> None:
    app.send_task(name, queue=QUEUE)


@pytest.fixture
def scheduled_night(transactional_db: None) -> Iterator[None]:
    """The night alone, in a schedule that has been there for a while."""
    PeriodicTask.objects.all().delete()
    three, _ = CrontabSchedule.objects.get_or_create(minute="0", hour="3", timezone="UTC")
    PeriodicTask.objects.create(name="Nightly training", task="workers.tasks.training.train", crontab=three)
    installed = MigrationRecorder.Migration.objects.filter(app="workers", name="0001_schedule")
    at = installed.get().applied
    installed.update(applied=at - timedelta(days=30))
    yield
    installed.update(applied=at)


def test_two_trainings_at_once_train_once_and_publish(worker, scheduled_night):
    fill(people=40, movies=60)

    # Beat's own message at the hour, and the look of that minute.
    send("workers.tasks.training.train")
    send("workers.tasks.training.run_due")
    wait_until(lambda: worker.log.read_text().count('"task_succeeded"') >= 2, worker.log)

    version = ModelVersion.objects.get()
    assert (version.status, version.trigger) == (Status.LIVE, "nightly")
    assert BatchRecommendation.objects.filter(version=version).count() == 40
    assert MovieEmbedding.objects.filter(version=version).count() == 60
    assert (worker.folder / "models" / str(version.pk) / "encoder.npz").exists()


def test_a_training_of_a_killed_worker_runs_at_the_next_check(worker):
    fill(people=1500, movies=1500)
    PeriodicTask.objects.all().delete()
    live = make_version(Status.LIVE)
    requested = nightly.training_request(trigger="admin")
    send("workers.tasks.training.run_due")
    wait_until(
        lambda: ModelVersion.objects.filter(status=Status.TRAINING).exclude(stage="waiting").exists(), worker.log
    )

    worker.kill()

    assert ModelVersion.objects.get(status=Status.LIVE) == live
    # The first message waits for its visibility timeout, three hours; what a minute later is sent does not.
    ModelVersion.objects.filter(pk=live.pk).update(status=Status.RETIRED)
    keep_few_ratings()
    worker.process = worker.start()

    def live_again() -> bool:
        # The server lets go of the dead process's lock when it notices that the socket closed.
        send("workers.tasks.training.run_due")
        time.sleep(0.5)
        return ModelVersion.objects.filter(status=Status.LIVE).exists()

    wait_until(live_again, worker.log)
    version = ModelVersion.objects.get(status=Status.LIVE)
    assert (version.pk, version.attempts) == (requested.pk, 2)
    assert ModelVersion.objects.count() == 2


def keep_few_ratings() -> None:
    """So that the second attempt is quick."""
    few = User.objects.order_by("pk")[:30].values_list("pk", flat=True)
    Rating.objects.exclude(user__in=list(few)).delete()


KILLED = """
import os, signal, sys
from datetime import datetime
import django
django.setup()
from recommendations.training import services as training
from recommendations.algorithms.pipeline import train as pipeline
from recommendations.algorithms.pipeline.trained_model import TrainedModel
from recommendations.training.nightly import training_run_due

where, real = {where}, getattr({where}, "{name}")

def killed(*args, **kwargs):
    if {after}:
        real(*args, **kwargs)
    os.kill(os.getpid(), signal.SIGKILL)

setattr(where, "{name}", killed)
training_run_due(slot=datetime.fromisoformat(sys.argv[1]))
"""
STAGES = [
    ("training", "train", False),
    ("pipeline", "choose_serving", True),
    ("TrainedModel", "save", True),
    ("training", "version_publish", False),
]


@pytest.mark.parametrize(("where", "name", "after"), STAGES, ids=["fitting", "validating", "files", "publishing"])
def test_a_night_killed_at_any_point_is_live_after_the_next_look(transactional_db, tmp_path, where, name, after):
    fill(people=30, movies=40)
    slot = timezone.now() - timedelta(minutes=5)
    environment = worker_environment(tmp_path)
    script = KILLED.format(where=where, name=name, after=after)

    killed = subprocess.run(
        [sys.executable, "-c", script, slot.isoformat()],
        cwd=settings.BASE_DIR,
        env=environment,
        capture_output=True,
        check=False,
        timeout=120,
    )

    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()[-3000:]
    begun = ModelVersion.objects.get()
    assert begun.status == (Status.READY if name == "version_publish" else Status.TRAINING)
    with override_settings(MODEL_DIR=tmp_path / "models"):
        wait_until(lambda: is_live(slot), None)
        version = ModelVersion.objects.get()
        assert artefacts_whole(version=version)
    assert (version.pk, version.scheduled_for) == (begun.pk, slot)
    assert version.attempts == 2
    assert BatchRecommendation.objects.count() == 30
    assert MovieEmbedding.objects.count() == 40


def is_live(slot: datetime) -> bool:
    """Looks as the minute does; false while the server has not noticed yet that the killed process is gone."""
    nightly.training_run_due(slot=slot)
    return ModelVersion.objects.filter(status=Status.LIVE).exists()
