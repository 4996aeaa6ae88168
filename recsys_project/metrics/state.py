"""Gauges that the scraped process reads from services: bounded in time, cached, and never a reason to fail.

A source is one function that yields metrics, and names the service that it needs. What it read is shown for some
seconds, so that scrapes cost the services the same however often they come. If it fails, its metrics are missing,
``recsys_collector_up`` is 0, and sources of the same service are not tried in that scrape: each would wait again.
"""

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import structlog
from django.db import connection, transaction
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

logger = structlog.get_logger(__name__)

CACHE_SECONDS = 10.0
# A failure is cached too; for less time, so that a service that is back is seen soon.
FAILED_SECONDS = 5.0
# How long a scrape waits for another one that reads the same; longer than a statement may take.
WAIT_SECONDS = 4.0
# The most that a statement of a source may take.
STATEMENT_MILLISECONDS = 3000
DATABASE, REDIS, BROKER, MACHINE = "database", "redis", "broker", "machine"


@dataclass(slots=True)
class Source:
    """read: yields the metrics, and may raise anything. seconds: how long they are shown."""

    name: str
    service: str
    read: Callable[[], Iterable[Metric]]
    seconds: float = CACHE_SECONDS
    _until: float = 0.0
    _metrics: list[Metric] = field(default_factory=list)
    _failed: bool = False
    # Two Prometheus servers ask at once: the second waits for what the first reads. A service that hangs may hold the
    # first for as long as it likes, but nobody after it.
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def metrics(self, failed_services: set[str]) -> tuple[list[Metric], bool]:
        """The metrics, and whether they could be read."""
        patience = 0.0 if self.service in failed_services else WAIT_SECONDS
        if not self._lock.acquire(timeout=patience):
            failed_services.add(self.service)
            return [], False
        try:
            return self._current(failed_services)
        finally:
            self._lock.release()

    def _current(self, failed_services: set[str]) -> tuple[list[Metric], bool]:
        if time.monotonic() >= self._until:
            self._failed, self._metrics = self.service in failed_services, []
            if not self._failed:
                self._read()
            self._until = time.monotonic() + (FAILED_SECONDS if self._failed else self.seconds)
        if self._failed:
            failed_services.add(self.service)
        return self._metrics, not self._failed

    def forget(self) -> None:
        """Has the next scrape read again."""
        self._until = 0.0

    def _read(self) -> None:
        try:
            if self.service == DATABASE:
                self._metrics = _from_database(self.read)
            else:
                self._metrics = list(self.read())
        except Exception as error:
            logger.warning("metrics_source_not_read", source=self.name, reason=type(error).__name__)
            self._failed = True


class StateCollector(Collector):
    """All metrics of its sources, and whether each could be read."""

    def __init__(self, sources: Sequence[Source]) -> None:
        self.sources = sources

    def forget(self) -> None:
        """Has the next scrape read every source again."""
        for source in self.sources:
            source.forget()

    def collect(self) -> Iterable[Metric]:
        text = "Whether what this source reads could be read: 1 or 0."
        up = GaugeMetricFamily("recsys_collector_up", text, labels=["source"])
        failed_services: set[str] = set()
        for source in self.sources:
            metrics, is_up = source.metrics(failed_services)
            up.add_metric([source.name], float(is_up))
            yield from metrics
        yield up


def _from_database(read: Callable[[], Iterable[Metric]]) -> list[Metric]:
    """In a transaction of its own, so that no statement outlasts its time and none changes anything later."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT set_config('statement_timeout', %s, true)", [str(STATEMENT_MILLISECONDS)])
        return list(read())


def gauge(name: str, text: str, value: float | None) -> Iterable[Metric]:
    """One gauge without labels; nothing if there is no value."""
    if value is not None:
        yield GaugeMetricFamily(name, text, value=float(value))


def gauges(name: str, text: str, label: str, values: Iterable[tuple[str, float | None]]) -> Iterable[Metric]:
    """A gauge with one label; values that are None are missing."""
    found = GaugeMetricFamily(name, text, labels=[label])
    for key, value in values:
        if value is not None:
            found.add_metric([key], float(value))
    yield found
