"""Logs and metrics."""

import os

from recsys_project.logging import configure_structlog, logging_config
from recsys_project.settings.environment import env

LOG_LEVEL = env.str("LOG_LEVEL", default="INFO").upper()
configure_structlog()
LOGGING = logging_config(LOG_LEVEL)
# Who sends it as "Authorization: Bearer …" may read /metrics; without one, only this machine may.
METRICS_TOKEN = os.environ.get("METRICS_TOKEN", "")
