"""Logs and metrics."""

import os

from recsys_project.logging import configure_structlog, logging_config
from recsys_project.settings.environment import env

LOG_LEVEL = env.str("LOG_LEVEL", default="INFO").upper()
configure_structlog()
LOGGING = logging_config(LOG_LEVEL)
# The token that /metrics requires as "Authorization: Bearer …". If it is unset, only this machine may read metrics.
METRICS_TOKEN = os.environ.get("METRICS_TOKEN", "")
