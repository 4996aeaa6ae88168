"""A real worker, through the real broker, trains on a real database; killed half way, it leaves nothing behind."""

import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest
from django.conf import settings
from django.db import connection

from accounts.models import User
from events.models import Rating
from movies.models import Movie
from recommendations import training
from recommendations.models import BatchRecommendation, ModelVersion, MovieEmbedding
from recsys_project.celery import app
from tests.factories import make_version

WAIT_SECONDS = 60
QUEUE = f"test-train-{uuid.uuid4()}"
Status = ModelVersion.Status


def wait_until(done: Callable[[], bool], log: Path) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < deadline:
        if done():
            return
        time.sleep(0.1)
    raise AssertionError(log.read_text()[-5000:])


def database_url() -> str:
    """The address of the database this test runs in."""
    return urlsplit(settings.DATABASE_URL)._replace(path=f"/{connection.settings_dict['NAME']}").geturl()


class Worker:
    """A worker of the test's own queue with two processes; ``log`` is what it says."""

    def __init__(self, folder: Path, **environment: str) -> None:
        self.folder, self.log = folder, folder / "worker.log"
        self.environment = os.environ | {
            "DJANGO_SETTINGS_MODULE": "recsys_project.settings.test",
            "DATABASE_URL": database_url(),
            "REDIS_URL": settings.REDIS_URL,
            "RECSYS_VAR": str(folder),
            "OPENBLAS_NUM_THREADS": "1",
            **environment,
        }
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


def send(name: str, **kwargs: object) -> None:
    app.send_task(name, kwargs=kwargs, queue=QUEUE)


def test_two_trainings_at_once_train_once_and_publish(worker):
    fill(people=40, movies=60)

    for _ in range(2):
        send("workers.tasks.training.train", trigger="nightly")
    wait_until(lambda: worker.log.read_text().count('"task_succeeded"') >= 2, worker.log)

    version = ModelVersion.objects.get()
    assert (version.status, version.trigger) == (Status.LIVE, "nightly")
    assert BatchRecommendation.objects.filter(version=version).count() == 40
    assert MovieEmbedding.objects.filter(version=version).count() == 60
    assert (worker.folder / "models" / str(version.pk) / "encoder.npz").exists()


def test_a_training_killed_half_way_leaves_the_live_version_and_the_next_one_cleans_up(worker):
    fill(people=1500, movies=1500)
    live = make_version(Status.LIVE)
    send("workers.tasks.training.train", trigger="manual")
    wait_until(lambda: ModelVersion.objects.filter(status=Status.TRAINING).exclude(stage="").exists(), worker.log)

    worker.kill()

    crashed = ModelVersion.objects.get(status=Status.TRAINING)
    assert ModelVersion.objects.get(status=Status.LIVE) == live
    # The server lets go of the dead process's lock when it notices that the socket closed.
    wait_until(lambda: training.trainings_sweep() == 1, worker.log)
    crashed.refresh_from_db()
    assert (crashed.status, crashed.error) == (Status.FAILED, training.CRASHED)
    assert not BatchRecommendation.objects.filter(version=crashed).exists()
    assert ModelVersion.objects.get(status=Status.LIVE) == live
