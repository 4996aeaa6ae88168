"""The stream of served lists in Prometheus: how much waits, how old it is, and what was lost."""

from collections.abc import Iterable

from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric

from events.served.selectors import stream_state


def served_log_metrics() -> Iterable[Metric]:
    """Read from Redis by the process that is scraped. Two round trips. Raises RedisError."""
    state = stream_state()
    yield GaugeMetricFamily(
        "recsys_served_log_waiting", "Entries of served lists that wait in Redis.", value=state.length
    )
    text = "The age of the oldest entry that waits, in seconds."
    yield GaugeMetricFamily("recsys_served_log_oldest_seconds", text, value=state.oldest_seconds)
    text = "Entries that were lost because the stream was full."
    yield CounterMetricFamily("recsys_served_log_trimmed", text, value=state.trimmed)
    yield GaugeMetricFamily("recsys_served_log_dead", "Entries that could not be read or written.", value=state.dead)
