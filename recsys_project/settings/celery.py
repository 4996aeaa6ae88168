"""Celery: broker, delivery and routing of tasks."""

import os

from recsys_project.service_urls import broker_url
from recsys_project.settings.environment import env, redis_addresses

# Celery reads these variables itself, before its settings.
for _variable in ("CELERY_BROKER_URL", "CELERY_BROKER_READ_URL", "CELERY_BROKER_WRITE_URL"):
    if _given := os.environ.get(_variable):
        os.environ[_variable] = broker_url(_variable, _given)
CELERY_BROKER_URL = os.environ.get("CELERY_BROKER_URL") or redis_addresses.broker
CELERY_TASK_IGNORE_RESULT = True
# A task is acknowledged when it ends and redelivered if its process is killed; workers/base.py limits how often.
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
# A training or tuning is ended a minute before this limit, with the reason, and killed at it.
CELERY_TASK_TIME_LIMIT = env.int("TASK_TIME_LIMIT_SECONDS", default=3 * 3600)
CELERY_TASK_SOFT_TIME_LIMIT = max(CELERY_TASK_TIME_LIMIT - 60, CELERY_TASK_TIME_LIMIT * 9 // 10)
# The same for every other task, so that one that hangs does not hold its worker for hours.
SHORT_TASK_TIME_LIMIT = env.int("SHORT_TASK_TIME_LIMIT_SECONDS", default=1800)
SHORT_TASK_SOFT_TIME_LIMIT = max(SHORT_TASK_TIME_LIMIT - 60, SHORT_TASK_TIME_LIMIT * 9 // 10)
CELERY_BROKER_TRANSPORT_OPTIONS = {
    # Above the hard time limit, or a long training would be redelivered while it runs.
    "visibility_timeout": CELERY_TASK_TIME_LIMIT + 600,
    # Seconds between checks for tasks of killed workers.
    "unacked_restore_interval": 10,
    "unacked_restore_throttle": 1,
    # If the broker hangs, beat's publishing fails after these seconds instead of blocking, and the entry is sent at its
    # next time; a worker drops the connection and opens another.
    "socket_timeout": env.float("BROKER_TIMEOUT_SECONDS", default=5.0),
    "socket_connect_timeout": env.float("BROKER_TIMEOUT_SECONDS", default=5.0),
    "socket_keepalive": True,
    "health_check_interval": 10,
}
CELERY_TASK_DEFAULT_QUEUE = "default"
CELERY_TASK_ROUTES = {"workers.tasks.training.*": {"queue": "train"}}
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_SERIALIZER = "json"
CELERY_BEAT_SCHEDULER = "workers.beat:Scheduler"
CELERY_TIMEZONE = "UTC"
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
