"""What waits to be done and where: queues, tasks, workers, mails, invalidations, connections, memory and disk."""

from __future__ import annotations

import shutil
import time
from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import connection
from django.db.models import Count, Min, QuerySet
from django.utils import timezone
from django_celery_beat.models import PeriodicTask
from django_redis import get_redis_connection
from prometheus_client.metrics_core import Metric

from accounts.models import AccountMail
from movies.caching.version_tokens import AVAILABILITY, CATALOGUE
from movies.models import CacheInvalidation
from recommendations.vectors.recall_probe import recall_latest
from recsys_project.broker import queue_states
from recsys_project.metrics.state import gauge, gauges
from recsys_project.staff.task_board import DONE, FAILED, runs_read, successes_read, workers_read

_CONNECTIONS = "SELECT count(*), current_setting('max_connections')::int FROM pg_stat_activity WHERE backend_type = %s"


def queue_metrics() -> Iterable[Metric]:
    """Length and age of each queue. Two round trips for each."""
    states = queue_states()
    lengths = [(name, state.length) for name, state in states.items()]
    yield from gauges("recsys_queue_messages", "Messages that wait in a queue.", "queue", lengths)
    ages = [(name, state.oldest_seconds) for name, state in states.items()]
    text = "Seconds since the oldest message that waits in a queue was sent; 0 without any."
    yield from gauges("recsys_queue_oldest_seconds", text, "queue", ages)


def task_metrics() -> Iterable[Metric]:
    """What each task did last, and the workers of each queue. Three round trips."""
    successes = sorted(successes_read().items())
    yield from gauges(
        "recsys_task_last_success_timestamp_seconds",
        "When a task last succeeded, in seconds since 1970.",
        "task",
        successes,
    )
    runs = sorted(runs_read().items())
    yield from gauges(
        "recsys_task_last_duration_seconds",
        "How long the latest ended run of a task took.",
        "task",
        [(name, run.seconds) for name, run in runs],
    )
    text = "Whether the latest run of a task failed: 1 or 0; missing while it runs or waits to try again."
    states = [(name, run.state == FAILED) for name, run in runs if run.state in (DONE, FAILED)]
    yield from gauges("recsys_task_last_failed", text, "task", states)
    queues = Counter(queue for worker in workers_read() if not worker.silent for queue in worker.queues)
    yield from gauges("recsys_workers", "Workers that read a queue.", "queue", sorted(queues.items()))


def recall_metrics() -> Iterable[Metric]:
    """What the hourly task measured last. One round trip."""
    probe = recall_latest()
    if probe is not None:
        text = "The share of the truly nearest movies that vector search finds, 0 to 1, as measured last."
        yield from gauge("recsys_index_recall_ratio", text, probe.recall)
        text = "When that was measured, in seconds since 1970."
        yield from gauge("recsys_index_recall_measured_timestamp_seconds", text, probe.measured_at)


def backlog_metrics() -> Iterable[Metric]:
    """Mails and invalidations that wait, and what beat last sent. Three queries."""
    now = timezone.now()
    waiting = {
        "mails": AccountMail.objects.filter(sent_at=None),
        "invalidations": CacheInvalidation.objects.exclude(name__in=[CATALOGUE, AVAILABILITY]),
    }
    states = {name: _waiting(rows, now) for name, rows in waiting.items()}
    text = "Rows that wait for a sweep: mails to send, and changes of people to announce."
    yield from gauges("recsys_outbox_rows", text, "outbox", [(name, state[0]) for name, state in states.items()])
    text = "The age of the oldest row that waits for a sweep; 0 without any."
    yield from gauges(
        "recsys_outbox_oldest_seconds", text, "outbox", [(name, state[1]) for name, state in states.items()]
    )
    sent = PeriodicTask.objects.filter(enabled=True).order_by("-last_run_at").exclude(last_run_at=None)
    last = sent.values_list("last_run_at", flat=True).first()
    text = "When beat last wrote that it had sent a task, in seconds since 1970; it writes every few minutes."
    yield from gauge("recsys_beat_last_sent_timestamp_seconds", text, None if last is None else last.timestamp())


def _waiting(rows: QuerySet[Any], now: datetime) -> tuple[int, float]:
    found = rows.aggregate(count=Count("pk"), oldest=Min("created_at"))
    oldest = found["oldest"]
    return found["count"], 0.0 if oldest is None else max(0.0, (now - oldest).total_seconds())


def postgresql_metrics() -> Iterable[Metric]:
    """Connections of the whole server, and the size of the database. Two queries."""
    with connection.cursor() as cursor:
        cursor.execute(_CONNECTIONS, ["client backend"])
        used, most = cursor.fetchone()
        cursor.execute("SELECT pg_database_size(current_database())")
        [size] = cursor.fetchone()
    yield from gauge("recsys_postgresql_connections", "Client connections of the PostgreSQL server.", used)
    yield from gauge("recsys_postgresql_max_connections", "The most that the server accepts.", most)
    yield from gauge("recsys_postgresql_size_bytes", "The size of the database.", size)


def redis_metrics() -> Iterable[Metric]:
    """Memory of the cache's Redis, and how long it takes to answer. One round trip."""
    started = time.perf_counter()
    info: dict[str, Any] = get_redis_connection("default").info("memory")
    seconds = time.perf_counter() - started
    yield from gauge("recsys_redis_memory_bytes", "Memory that Redis uses.", info["used_memory"])
    text = "Memory that Redis may use; 0 without a limit."
    yield from gauge("recsys_redis_max_memory_bytes", text, info.get("maxmemory", 0))
    yield from gauge("recsys_redis_answer_seconds", "How long Redis took to answer this scrape.", seconds)


def disk_metrics() -> Iterable[Metric]:
    """Space on the disk that holds the site's data."""
    usage = shutil.disk_usage(settings.VAR_DIR)
    yield from gauge("recsys_disk_free_bytes", "Free space where the site keeps its data.", usage.free)
    yield from gauge("recsys_disk_size_bytes", "Size of that disk.", usage.total)
