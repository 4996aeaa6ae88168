"""The base classes of all tasks: limits, retries and redelivery.

workers.task_metrics counts and times them, recsys_project.celery logs them with the request id of their sender.
"""

from __future__ import annotations

from typing import Any

import structlog
from django.conf import settings
from django.core.cache import cache
from django.db import InterfaceError, OperationalError
from redis.exceptions import RedisError

from workers.task_metrics import MeasuredTask

logger = structlog.get_logger(__name__)

_DAY = 86_400


class BaseTask(MeasuredTask):
    """A task calls one service and is idempotent.

    It is retried while the database is unavailable. At the soft limit it fails by SoftTimeLimitExceeded; one that does
    not end by that is killed at the hard limit. A task whose process is killed returns to the queue; one that kills
    its process each time is dropped after ``max_deliveries``, or it would be redelivered forever.
    """

    abstract = True
    autoretry_for = (OperationalError, InterfaceError)
    max_retries = 3
    retry_backoff = 5
    retry_backoff_max = 120
    retry_jitter = True
    max_deliveries = 3
    soft_time_limit = settings.SHORT_TASK_SOFT_TIME_LIMIT
    time_limit = settings.SHORT_TASK_TIME_LIMIT

    def run_delivered(self, *args: Any, **kwargs: Any) -> Any:
        if self._deliveries() <= self.max_deliveries:
            return self.run(*args, **kwargs)
        self.mark_dropped()
        logger.error("task_dropped", task=self.name, deliveries=self.max_deliveries)
        return None

    def _deliveries(self) -> int:
        """How often this message has been delivered; each retry is a new message. 1 if Redis does not answer."""
        key = f"task-deliveries:{self.request.id}:{self.request.retries}"
        try:
            cache.add(key, 0, timeout=_DAY)
            return int(cache.incr(key))
        except (RedisError, ValueError):
            return 1


class TrainingTask(BaseTask):
    """A task that may take hours."""

    abstract = True
    soft_time_limit = settings.CELERY_TASK_SOFT_TIME_LIMIT
    time_limit = settings.CELERY_TASK_TIME_LIMIT
