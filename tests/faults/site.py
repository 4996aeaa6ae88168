"""A whole site of a test's own: PostgreSQL, Redis, and the Procfile's processes, each of which can be killed.

Nothing is shared with the tests' database, so that PostgreSQL can be restarted.
"""

import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

import psycopg
from celery import Celery
from django.conf import settings

from recsys_project.embedded import addresses, owner
from recsys_project.embedded.processes import processes_in, wait_until
from recsys_project.service_urls import broker_url
from tests.functional.store import Store
from tests.functional.web_server import WebServer, web_server

WAIT_SECONDS = 90
# Makes the tables of an empty database, movies and people who rate them, and trains; prints the tokens of the people.
SET_UP = """
import json
import django
django.setup()
from django.core.management import call_command
call_command("migrate", verbosity=0)
from accounts.tokens import AccessToken
from recommendations.training.services import training_run
from tests.functional.cinema import make_fans, make_movies
movies, special = make_movies()
fans = make_fans(movies)
training_run(trigger="nightly")
print(json.dumps([str(AccessToken.for_user(genre[0])) for genre in fans.values()]))
"""
REQUEST = """
    INSERT INTO recommendations_modelversion (status, trigger, algorithm, hyperparameters, metrics, people, movies,
        interactions, stage, progress, error, refusal, attempts, artefacts, serving, watch, created_at)
    VALUES ('requested', 'admin', '', '{}', '{}', 0, 0, 0, 'waiting', 0, '', '', 0, '{}', '{}', '{}', now())
    RETURNING id
"""


def procfile(name: str) -> list[str]:
    """The command of a process, run by this Python."""
    lines = (settings.BASE_DIR / "Procfile").read_text().splitlines()
    command = next(line.partition(": ")[2] for line in lines if line.startswith(f"{name}: "))
    return [sys.executable, "-m", *shlex.split(command)]


@dataclass
class Process:
    """One process of the Procfile, with its children in a group of its own, and its log."""

    popen: subprocess.Popen
    log: Path

    def children(self) -> list[int]:
        pid = self.popen.pid
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]

    def events(self, name: str) -> list[dict[str, Any]]:
        """The lines of its log with this event. The last line may be half written."""
        found = []
        for line in self.log.read_text().splitlines():
            with suppress(ValueError):
                found.append(json.loads(line))
        return [line for line in found if line.get("event") == name]

    def kill(self) -> None:
        """What a power cut does to it and its children."""
        os.killpg(self.popen.pid, signal.SIGKILL)
        self.popen.wait(timeout=30)

    def stop(self) -> None:
        if self.popen.poll() is None:
            self.popen.terminate()
            try:
                self.popen.wait(timeout=20)
            except subprocess.TimeoutExpired:
                self.kill()


@dataclass
class Site:
    """The services of a site, and what starts its processes."""

    folder: Path
    database_url: str
    store: Store
    tokens: list[str] = field(default_factory=list)
    _started: int = 0

    @property
    def environment(self) -> dict[str, str]:
        return {
            "DJANGO_SETTINGS_MODULE": "recsys_project.settings.local",
            "DATABASE_URL": self.database_url,
            "REDIS_URL": self.store.url,
            "RECSYS_VAR": str(self.folder),
            "MODEL_DIR": str(self.folder / "models"),
            "SECRET_KEY": settings.SECRET_KEY,
            "JWT_SIGNING_KEY": settings.JWT_SIGNING_KEY,
            "RATELIMIT_ENABLE": "false",
            # A full run takes longer than a token is valid.
            "ACCESS_TOKEN_MINUTES": "600",
            "TRAINING_THREADS": "1",
            "TRAINING_RETRY_MINUTES": "0",
            "TRAINING_EVALUATED_PEOPLE": "40",
            "FAIL_POINT_FILE": str(self.folder / "fail_point"),
        }

    def python(self, *arguments: str, check: bool = True, **environment: str) -> subprocess.CompletedProcess[str]:
        """Runs Python on this site's data, from the checkout."""
        return subprocess.run(
            [sys.executable, *arguments],
            cwd=settings.BASE_DIR,
            env=os.environ | self.environment | environment,
            capture_output=True,
            text=True,
            check=check,
            timeout=180,
        )

    @contextmanager
    def process(self, name: str, *more: str, **environment: str) -> Iterator[Process]:
        """A process of the Procfile until the block ends; trainers have fail points."""
        self._started += 1
        log = self.folder / f"{name}{self._started}.log"
        command = [*procfile(name), *more]
        if name == "trainer":
            command += ["--include", "tests.faults.fail_points"]
        with log.open("wb") as output:
            popen = subprocess.Popen(
                command,
                stdout=output,
                stderr=output,
                cwd=settings.BASE_DIR,
                env=os.environ | self.environment | environment,
                start_new_session=True,
            )
        running = Process(popen, log)
        try:
            yield running
        finally:
            running.stop()

    @contextmanager
    def web(self) -> Iterator[WebServer]:
        folder = self.folder / "web"
        folder.mkdir(exist_ok=True)
        given = {name: text for name, text in self.environment.items() if name != "RECSYS_VAR"}
        with web_server(folder, **given) as server:
            yield server

    def rows(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.database_url, autocommit=True) as connection:
            cursor = connection.execute(statement, values)
            return cursor.fetchall() if cursor.description else []

    def send(self, task: str, queue: str) -> None:
        """What beat does each minute."""
        with Celery(broker=broker_url("REDIS_URL", self.store.url)) as sender:
            sender.conf.task_ignore_result = True
            sender.send_task(task, queue=queue, retry=False)

    def look_for_trainings(self) -> None:
        self.send("workers.tasks.training.run_due", "train")

    def request_training(self) -> int:
        """What *retrain* in the admin does; the id of the version."""
        return int(self.rows(REQUEST)[0][0])

    def version(self, number: int) -> tuple[str, str, int, str]:
        """Its status, stage, attempts and error."""
        [row] = self.rows(
            "SELECT status, stage, attempts, error FROM recommendations_modelversion WHERE id = %s", number
        )
        return row

    def live(self) -> list[int]:
        rows = self.rows("SELECT id FROM recommendations_modelversion WHERE status = 'live'")
        return [number for (number,) in rows]

    def arm(self, *lines: str) -> None:
        """Has the next trainings do these, each once; see fail_points."""
        self._reached.unlink(missing_ok=True)
        self._armed.write_text("\n".join(lines))

    def reached(self, action: str = "") -> tuple[int, float] | None:
        """The process that reached an armed point last, and when, in seconds since 1970; of this action, if given."""
        try:
            pid, at, done, _ = self._reached.read_text().split(" ", 3)
        except FileNotFoundError:
            return None
        return (int(pid), float(at)) if action in ("", done) else None

    def disarm(self) -> None:
        self._armed.unlink(missing_ok=True)
        self._reached.unlink(missing_ok=True)

    @property
    def _armed(self) -> Path:
        return self.folder / "fail_point"

    @property
    def _reached(self) -> Path:
        return self.folder / "fail_point.reached"

    def restart_database(self, *, crash: bool, seconds: float) -> None:
        """Stops PostgreSQL in order or by kills, and starts it again after ``seconds``."""
        with embedded_in(self.folder):
            if crash:
                data = addresses.data_dir() / "postgres"
                for process in processes_in(data, "postgres"):
                    with suppress(ProcessLookupError):
                        os.kill(process, signal.SIGKILL)
                assert wait_until(lambda: not processes_in(data, "postgres"), 10)
            else:
                owner.stop([owner.POSTGRES])
            time.sleep(seconds)
            owner.start([owner.POSTGRES])


@contextmanager
def embedded_in(folder: Path) -> Iterator[None]:
    """The embedded services of this folder, which do not wait for the disk: a power cut is not what is tested."""
    with mock.patch.dict(os.environ, RECSYS_VAR=str(folder), RECSYS_EMBEDDED_FSYNC="off"):
        yield


@contextmanager
def site(folder: Path) -> Iterator[Site]:
    """A site with a first live version, in this folder, whose path must be short; without processes."""
    (folder / "r").mkdir()
    with embedded_in(folder):
        owner.start([owner.POSTGRES])
        database_url = addresses.database_url()
    store = Store(folder / "r")
    try:
        made = Site(folder, database_url, store)
        done = made.python("-c", SET_UP, DJANGO_SETTINGS_MODULE="recsys_project.settings.test")
        made.tokens = json.loads(done.stdout.splitlines()[-1])
        yield made
    finally:
        store.kill()
        with embedded_in(folder):
            owner.stop([owner.POSTGRES])
            # Root's data may lie outside the folder.
            if addresses.data_dir().is_relative_to(addresses.ROOT_DATA_DIR):
                shutil.rmtree(addresses.data_dir(), ignore_errors=True)


def await_that(what: Callable[[], Any], seconds: float = WAIT_SECONDS, log: Path | None = None) -> float:
    """Waits until it is true, and returns the seconds since 1970 at which it was."""
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, "" if log is None else log.read_text()[-6000:]
        time.sleep(0.05)
    return time.time()
