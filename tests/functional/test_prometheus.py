"""Every expression of every panel, recording rule and alert finds data in a real Prometheus of the running site."""

import math
import os
import re
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml
from django.conf import settings
from django.utils import timezone
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from deploy.grafana.panels import short_task
from deploy.grafana.queries import boards, expression, panels_of, query
from events.attribution.services import statistics_refresh
from recommendations.models import ModelVersion
from recommendations.vectors.recall_probe import recall_measure
from recsys_project.celery import app
from tests.functional.cinema import EVENTS, LIST, SEARCH, SESSION, Cinema, Client, Line
from tests.functional.prometheus import CONFIGURATION, needs_prometheus, prometheus
from tests.functional.web_server import WebServer, running_database_url, web_server
from tests.served import drain

pytestmark = [needs_prometheus, pytest.mark.django_db(transaction=True)]
TOKEN = "a-token-of-the-scraper"
# Grafana's $__rate_interval here, and how long everything may take to be there.
RATE_SECONDS, PATIENCE = 20, 60
TASKS = (
    "served.drain",
    "mails.send",
    "maintenance.announce_changes",
    "maintenance.measure_recall",
    "attribution.hourly",
)
MAY_BE_EMPTY = {
    "max(recsys_training_progress_ratio)": "no training waits or runs",
    "max(recsys_training_heartbeat_age_seconds) > bool 900": "no training runs",
    "time() - max(recsys_watch_rolled_back_timestamp_seconds) < bool 24 * 3600": "the watch has rolled nothing back",
    short_task("max by (task) (recsys_task_last_failed) > 0"): "no task has failed",
    "max(recsys_redis_max_memory_bytes) > 0": "this Redis has no limit",
    'sum by (alertname) (ALERTS{alertstate="firing"})': "no alert has been true for long enough",
    "sum(rate(django_db_errors_total[20s]))": "no statement has failed",
    "sum(rate(django_db_new_connection_errors_total[20s]))": "PostgreSQL has refused no connection",
}


def expressions() -> set[str]:
    """All that dashboards and rules ask for; of an alert, what it compares, since it is empty if all is well."""
    asked = {
        expression(target, rate_seconds=RATE_SECONDS)
        for board in boards().values()
        for panel in panels_of(board)
        for target in panel["targets"]
    }
    for file in (CONFIGURATION / "rules").glob("*.yml"):
        for group in yaml.safe_load(file.read_text())["groups"]:
            for rule in group["rules"]:
                asked.add(rule["record"] if "record" in rule else compared(rule["expr"]))
                if "record" in rule:
                    asked.add(rule["expr"].strip())
    return asked


def compared(alert: str) -> str:
    """The alert's expression with 0 or 1 in place of a filter, so that it has a value whether it is true or not."""
    return re.sub(r" ([<>]|==) ", r" \1 bool ", alert.strip()).replace("absent(", "(")


@contextmanager
def worker(folder: Path) -> Iterator[None]:
    """Runs a worker of both queues beside the web server of the folder, as on one machine."""
    with app.connection_for_write() as connection:
        for queue in ("default", "train"):
            connection.default_channel.queue_purge(queue)
    command = [
        sys.executable,
        "-m",
        "celery",
        "--app",
        "recsys_project",
        "--quiet",
        "worker",
        "--queues",
        "default,train",
    ]
    command += ["--concurrency", "1", "--without-mingle", "--without-gossip"]
    environment = os.environ | {
        "DJANGO_SETTINGS_MODULE": "recsys_project.settings.local",
        "DATABASE_URL": running_database_url(),
        "REDIS_URL": settings.REDIS_URL,
        "RECSYS_VAR": str(folder),
    }
    with (folder / "worker.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd=settings.BASE_DIR, env=environment)
    try:
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=30)


def send_tasks() -> None:
    for task in TASKS:
        app.send_task(f"workers.tasks.{task}")


def visit(cinema: Cinema, server: WebServer, limited: WebServer | None = None) -> None:
    """What people do: lists of all kinds, events, searches, refused sign-ins, and requests that are refused."""
    new, known = cinema.person(), cinema.client(cinema.fans["War"][5])
    for one in (new, known):
        here = Client(server, one.user, one.token)
        shown = here.read(LIST, limit=10)
        here.read(LIST, limit=10)
        here.get(LIST, limit=10, cursor=shown["next_cursor"] or "")
        here.read(LIST, genre="crime")
        event_id = str(uuid.uuid4())
        listed = {"movie": shown["items"][0]["movie"]["id"], "recommendation_id": shown["recommendation_id"]}
        for kind in ("click", "like", "watch"):
            here.ask("POST", EVENTS, {**listed, "kind": kind})
        for _ in range(2):
            here.ask("POST", EVENTS, {**listed, "kind": "view", "event_id": event_id})
        here.read(LIST, limit=10)
        line = Line(server)
        for _ in range(3):
            line.ask("GET", f"{LIST}?limit=10", Authorization=f"Bearer {one.token}")
        line.close()
        here.get("/api/home/")
    guest = Client(server)
    guest.ask("POST", SESSION, {"movie_ids": [shown["items"][0]["movie"]["id"]]})
    guest.get(SEARCH, q="heist")
    guest.get(f"/api/movies/{listed['movie']}/similar/")
    guest.get("/api/genres/")
    guest.get("/no-such-page/")
    guest.ask("POST", "/api/auth/token/", {"email": "nobody@example.org", "password": "wrong one"})
    for _ in range(3 if limited else 0):
        Client(limited).get("/api/genres/")


@pytest.fixture(scope="module")
def evaluated(cinema: Cinema) -> Iterator[None]:
    """The live version was evaluated, recall is measured, events follow lists, and beat has sent something."""
    live = ModelVersion.objects.live().get()
    measured = {**live.metrics, "ndcg@10": 0.3, "popularity": {"ndcg@10": 0.2}}
    ModelVersion.objects.filter(pk=live.pk).update(metrics=measured)
    visit(cinema, cinema.server)
    drain()
    statistics_refresh()
    recall_measure()
    interval, _ = IntervalSchedule.objects.get_or_create(every=1, period="days")
    entry = PeriodicTask.objects.create(name="A day of beat", task="a.b", interval=interval, last_run_at=timezone.now())
    yield
    entry.delete()
    ModelVersion.objects.filter(pk=live.pk).update(metrics=live.metrics)


@pytest.fixture(scope="module")
def site(cinema: Cinema, evaluated: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[WebServer, ...]]:
    """Two web servers of one machine and its workers; the second server limits guests."""
    folder = tmp_path_factory.mktemp("machine")
    environment = {
        "MODEL_DIR": str(settings.MODEL_DIR),
        "METRICS_TOKEN": TOKEN,
        "SECRET_KEY": settings.SECRET_KEY,
        "JWT_SIGNING_KEY": settings.JWT_SIGNING_KEY,
        "WEB_CONCURRENCY": "1",
    }
    second = folder / "second"
    second.mkdir()
    limits = {"RATE_LIMIT_ANONYMOUS": "1/m", "PROMETHEUS_MULTIPROC_DIR": str(folder / "prometheus" / "web-second")}
    with (
        worker(folder),
        web_server(folder, RATELIMIT_ENABLE="false", **environment) as one,
        web_server(second, **environment, **limits) as other,
    ):
        yield one, other


@pytest.fixture(scope="module")
def url(site: tuple[WebServer, ...], tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    addresses = [server.url.removeprefix("http://") for server in site]
    targets = dict(zip(("127.0.0.1:8001", "127.0.0.1:8002"), addresses, strict=True))
    with prometheus(tmp_path_factory.mktemp("prometheus"), token=TOKEN, targets=targets) as running:
        yield running


def has_data(url: str, asked: str) -> bool:
    """Whether a series has a value that is a number."""
    return any(not math.isnan(value) for series in query(url, asked) for _, value in series.points)


def test_every_expression_finds_data(cinema: Cinema, site: tuple[WebServer, ...], url: str):
    asked = expressions()
    assert not MAY_BE_EMPTY.keys() - asked
    missing = asked - MAY_BE_EMPTY.keys()
    deadline = time.monotonic() + PATIENCE

    while missing and time.monotonic() < deadline:
        visit(cinema, *site)
        send_tasks()
        time.sleep(1)
        missing = {one for one in missing if not has_data(url, one)}

    assert not missing
    # Prometheus accepts those that are empty, too.
    assert all(query(url, one) is not None for one in MAY_BE_EMPTY)


def test_workers_of_a_machine_are_counted_once(site: tuple[WebServer, ...], url: str):
    workers = query(url, 'recsys_processes{kind="worker"}')
    web = query(url, 'recsys_processes{kind="web"}')
    tasks = query(url, "recsys_tasks_total")
    services = query(url, "recsys_collector_up")

    first, second = (server.url.removeprefix("http://") for server in site)
    assert {series.labels["instance"] for series in web} == {first, second}
    assert {series.labels["instance"] for series in (*workers, *tasks, *services)} == {first}


def test_no_alert_of_a_site_that_is_well_is_pending(url: str):
    found = {series.labels["alertname"] for series in query(url, "ALERTS")}

    # Few fans of a small cinema see the same popular movies, and on a crowded machine events are late for a while.
    assert found <= {"RecsysListsAlike", "RecsysEventsLate"}
