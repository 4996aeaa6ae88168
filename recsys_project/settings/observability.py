"""Logs and metrics."""

import os

from recsys_project.logging import configure_structlog, logging_config
from recsys_project.settings.environment import env

LOG_LEVEL = env.str("LOG_LEVEL", default="INFO").upper()
configure_structlog()
LOGGING = logging_config(LOG_LEVEL)
# The token that /metrics requires as "Authorization: Bearer …". If it is unset, only this machine may read metrics.
METRICS_TOKEN = os.environ.get("METRICS_TOKEN", "")
# Hours after which manage.py doctor calls the live model too old: a night, and two hours for its training.
MODEL_MAX_AGE_HOURS = env.float("MODEL_MAX_AGE_HOURS", default=26)
# The folder of the backups, whose age the doctor checks, and the hours after which the newest one is too old.
BACKUP_DIR = env.str("BACKUP_DIR", default="")
BACKUP_MAX_AGE_HOURS = env.float("BACKUP_MAX_AGE_HOURS", default=26)
