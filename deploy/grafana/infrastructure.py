"""Processes, PostgreSQL, Redis and disks."""

from grafana_foundation_sdk.models.dashboard import Dashboard

from deploy.grafana.panels import HALF, QUARTER, Panel, bars, dashboard, lines

_DURATION = "sum by (le) (rate(django_db_query_duration_seconds_bucket[$__rate_interval]))"


def infrastructure() -> Dashboard:
    """What the site runs on, by machine."""
    return dashboard(
        "recsys-infrastructure",
        "Infrastructure",
        "What the site runs on.",
        {
            "Prometheus": _prometheus(),
            "Processes": _processes(),
            "PostgreSQL": _postgresql(),
            "Redis, disks and catalogue": _redis_disks_and_catalogue(),
        },
    )


def _prometheus() -> list[Panel]:
    return [
        bars("Targets", "bool_on_off", 'up{job=~"recsys|recsys-web"}', "{{instance}}", top=1, width=HALF),
        bars(
            "What the scraped process could read",
            "bool_on_off",
            "min by (source) (recsys_collector_up)",
            "{{source}}",
            top=1,
            width=HALF,
        ),
    ]


def _processes() -> list[Panel]:
    return [
        lines(
            "CPU",
            "percentunit",
            ("sum by (instance) (rate(process_cpu_seconds_total[$__rate_interval]))", "{{instance}}"),
            about="Of one core, of processes that handle requests and tasks.",
        ),
        lines(
            "Memory",
            "bytes",
            ("sum by (instance, kind) (process_resident_memory_bytes)", "{{instance}} {{kind}}"),
            stacked=True,
        ),
        lines(
            "Processes",
            "none",
            ("sum by (instance, kind) (recsys_processes)", "{{instance}} {{kind}}"),
            stacked=True,
        ),
        lines(
            "Open files",
            "percentunit",
            ("max by (instance, kind) (process_open_fds / process_max_fds)", "{{instance}} {{kind}}"),
            about="Of the process with the most, of those that it may open.",
        ),
        lines(
            "Since the newest process started",
            "s",
            ("time() - max by (instance, kind) (process_start_time_seconds)", "{{instance}} {{kind}}"),
        ),
        lines(
            "Connections of the pools",
            "none",
            ("sum by (state) (recsys_database_pool_connections)", "{{state}}"),
            about="waiting: requests that wait for one.",
        ),
    ]


def _postgresql() -> list[Panel]:
    return [
        lines(
            "Connections",
            "none",
            ("max(recsys_postgresql_connections)", "in use"),
            ("max(recsys_postgresql_max_connections)", "the most"),
        ),
        lines("Size", "bytes", ("max(recsys_postgresql_size_bytes)", "database")),
        lines(
            "Connections taken from the pools",
            "ops",
            ("sum(rate(django_db_new_connections_total[$__rate_interval]))", "taken"),
            ("sum(rate(django_db_new_connection_errors_total[$__rate_interval]))", "failed"),
            about="One for each request that needs the database; the pools rarely open new ones for them.",
        ),
        lines(
            "Statements",
            "ops",
            ("sum(rate(django_db_execute_total[$__rate_interval]))", "all"),
            ("sum(rate(django_db_errors_total[$__rate_interval]))", "with an error"),
            width=HALF,
            about="Without the prepared statements of most requests for lists.",
        ),
        lines(
            "Duration of statements",
            "s",
            (f"histogram_quantile(0.5, {_DURATION})", "p50"),
            (f"histogram_quantile(0.95, {_DURATION})", "p95"),
            width=HALF,
        ),
    ]


def _redis_disks_and_catalogue() -> list[Panel]:
    return [
        lines(
            "Memory of Redis",
            "bytes",
            ("max(recsys_redis_memory_bytes)", "in use"),
            ("max(recsys_redis_max_memory_bytes) > 0", "the most"),
            width=QUARTER,
        ),
        lines(
            "Answer of Redis",
            "s",
            ("max by (instance) (recsys_redis_answer_seconds)", "{{instance}}"),
            width=QUARTER,
        ),
        lines("Free on disk", "percentunit", ("recsys:disk_free:ratio", "{{instance}}"), top=1, width=QUARTER),
        lines("Movies", "short", ("max(recsys_catalogue_movies)", "published"), width=QUARTER),
    ]
