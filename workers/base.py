"""What every task shares: how often it is tried, and what is retried. Counting and logging hook into Celery itself."""

from __future__ import annotations

from typing import Any

import structlog
from celery import Task
from django.core.cache import cache
from django.db import InterfaceError, OperationalError
from redis.exceptions import RedisError

logger = structlog.get_logger(__name__)

_DAY = 86_400


class BaseTask(Task):
    """A task is one more interface: it calls one service, and may be run twice without harm.

    A database that is away for a moment is waited for. A task whose process is killed comes back to the queue; one that
    kills its process each time is dropped after ``max_deliveries``, or it would do so for ever.
    """

    abstract = True
    autoretry_for = (OperationalError, InterfaceError)
    max_retries = 3
    retry_backoff = 5
    retry_backoff_max = 120
    retry_jitter = True
    max_deliveries = 3

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self.request.called_directly or self._deliveries() <= self.max_deliveries:
            return self.run(*args, **kwargs)
        logger.error("task_dropped", task=self.name, deliveries=self.max_deliveries)
        return None

    def _deliveries(self) -> int:
        """How often this very message has been started; a retry counts anew. 1 when Redis cannot say."""
        key = f"task-deliveries:{self.request.id}:{self.request.retries}"
        try:
            cache.add(key, 0, timeout=_DAY)
            return int(cache.incr(key))
        except (RedisError, ValueError):
            return 1
