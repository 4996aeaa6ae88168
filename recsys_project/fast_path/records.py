"""The log lines and metrics of answers that no middleware sees: the same as the middleware's, written in batches."""

import time
from collections import Counter
from datetime import UTC, datetime

from django.conf import settings
from prometheus_client import Counter as Metric

from recommendations.serving.list_metrics import LISTS
from recsys_project.fast_path.routes import Route
from recsys_project.log_sampling import is_sampled
from recsys_project.logging import LineWriter
from recsys_project.metrics.processes import observe_process
from recsys_project.metrics.requests import observe

# Metrics are added up for this long.
FLUSH_SECONDS = 0.2
_LOGGER = "recsys_project.middleware"
OUTCOMES = Metric(
    "recsys_fast_path_requests_total",
    "Requests of its routes by what the fast path did: answered, or why it left them to Django.",
    ["outcome"],
)


class Records:
    """Collects what the lane's answers add to the log and to the metrics of requests."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._writer = LineWriter(_LOGGER)
        # Seconds of each answer, by view and status.
        self._observed: dict[tuple[str, int], list[float]] = {}
        self._outcomes: Counter[str] = Counter()
        self._hits = 0
        self._flushed_at = 0.0
        self._share: float = settings.LOG_CACHED_SAMPLE
        # What a line says about the sample that it is of.
        self._sample = f'"sample": {self._share}, ' if self._share < 1 else ""

    def add(self, route: Route, *, status: int, seconds: float, members: str, request_id: str, cached: bool) -> None:
        """An answer. members: of the log line, as JSON; cached: whether it was not computed, so that only
        LOG_CACHED_SAMPLE of its lines are written."""
        self._observed.setdefault((route.view, status), []).append(seconds)
        if self._writer.is_on and not (cached and self._sample and not is_sampled(request_id, self._share)):
            sample = self._sample if cached else ""
            now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
            self._lines.append(
                f'{{"route": "{route.route}", "status": {status}, "duration_ms": {round(seconds * 1000, 2)}, '
                f'{members}, {sample}"event": "request_finished", "request_id": "{request_id}", "method": "GET", '
                f'"logger": "{_LOGGER}", "level": "info", "timestamp": "{now}"}}\n'
            )

    def count(self, outcome: str) -> None:
        """A request that was answered, or left to Django."""
        self._outcomes[outcome] += 1

    def count_hit(self) -> None:
        """A person's list that was answered from the cache."""
        self._hits += 1

    def write(self, *, now: bool = False) -> None:
        """Writes the lines, and the metrics every FLUSH_SECONDS or ``now``."""
        if self._lines:
            lines, self._lines = self._lines, []
            self._writer.write("".join(lines))
        if self.unwritten and (now or time.monotonic() - self._flushed_at >= FLUSH_SECONDS):
            self._flushed_at = time.monotonic()
            outcomes, self._outcomes = self._outcomes, Counter()
            for outcome, count in outcomes.items():
                OUTCOMES.labels(outcome).inc(count)
            if self._hits:
                LISTS.labels("hit").inc(self._hits)
                self._hits = 0
            observed, self._observed = self._observed, {}
            for (view, status), answers in observed.items():
                observe(view, status, answers)
            observe_process()

    @property
    def unwritten(self) -> bool:
        return bool(self._outcomes)
