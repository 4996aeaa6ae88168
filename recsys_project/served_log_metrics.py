"""The stream of served lists in Prometheus: how much waits, how old it is, and what was lost."""

from collections.abc import Iterable

import structlog
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from redis.exceptions import RedisError

from events.served.selectors import stream_state

logger = structlog.get_logger(__name__)


class ServedLogStream(Collector):
    """Read from Redis by the process that is scraped; missing while Redis is away."""

    def collect(self) -> Iterable[Metric]:
        try:
            state = stream_state()
        except (RedisError, OSError) as error:
            logger.warning("served_log_not_measured", reason=type(error).__name__)
            return
        name = "recsys_served_log"
        yield GaugeMetricFamily(f"{name}_waiting", "Entries of served lists that wait in Redis.", value=state.length)
        text = "The age of the oldest entry that waits, in seconds."
        yield GaugeMetricFamily(f"{name}_oldest_seconds", text, value=state.oldest_seconds)
        text = "Entries that were lost because the stream was full."
        yield CounterMetricFamily(f"{name}_trimmed", text, value=state.trimmed)
        yield GaugeMetricFamily(f"{name}_dead", "Entries that could not be read or written.", value=state.dead)
