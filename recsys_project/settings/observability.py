"""Logs and metrics."""

import os

from recsys_project.logging import configure_structlog, logging_config
from recsys_project.settings.environment import env

LOG_LEVEL = env.str("LOG_LEVEL", default="INFO").upper()
configure_structlog()
LOGGING = logging_config(LOG_LEVEL)
# The share of the answers from the cache that are logged, 0 to 1; all others always are, and metrics count all.
LOG_CACHED_SAMPLE = env.float("LOG_CACHED_SAMPLE", default=1.0)
# Adds the id of its request to each statement, as a comment that PostgreSQL's log and pg_stat_activity show.
SQL_REQUEST_ID = env.bool("SQL_REQUEST_ID", default=False)
# The token that /metrics requires as "Authorization: Bearer …". If it is unset, only this machine may read metrics.
METRICS_TOKEN = os.environ.get("METRICS_TOKEN", "")
# Hours after which manage.py doctor calls the live model too old: a night, and two hours for its training.
MODEL_MAX_AGE_HOURS = env.float("MODEL_MAX_AGE_HOURS", default=26)
# The folder of the backups, whose age the doctor checks, and the hours after which the newest one is too old.
BACKUP_DIR = env.str("BACKUP_DIR", default="")
BACKUP_MAX_AGE_HOURS = env.float("BACKUP_MAX_AGE_HOURS", default=26)
# OpenTelemetry traces, with the packages of requirements-tracing.txt, sent by OTLP over HTTP to
# OTEL_EXPORTER_OTLP_ENDPOINT, which the exporter reads itself, as it does the other variables of OpenTelemetry.
OTEL_ENABLED = env.bool("OTEL_ENABLED", default=False)
OTEL_SERVICE_NAME = env.str("OTEL_SERVICE_NAME", default="recsys")
