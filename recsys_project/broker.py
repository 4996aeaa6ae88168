"""The message broker's Redis, for whatever counts the messages that wait."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from celery import current_app
from django.conf import settings

# Seconds to wait for the broker; a page or a scrape waits for it.
BROKER_SECONDS = 0.5
QUEUES = (settings.CELERY_TASK_DEFAULT_QUEUE, "train")


class QueueState(NamedTuple):
    """length: messages that wait; oldest_seconds: since the next one was sent, 0 without any or if it does not say."""

    length: int
    oldest_seconds: float


@contextmanager
def broker_client() -> Iterator[Any]:
    """The broker's Redis client; None if the broker is no Redis. Raises OperationalError, RedisError or OSError."""
    waits = {"socket_timeout": BROKER_SECONDS, "socket_connect_timeout": BROKER_SECONDS, "max_retries": 0}
    options = {**settings.CELERY_BROKER_TRANSPORT_OPTIONS, **waits}
    with current_app.connection_for_read(transport_options=options) as connection:
        yield getattr(connection.channel(), "client", None)


def queue_states() -> dict[str, QueueState]:
    """Each queue's state; nothing if the broker is no Redis. Raises as ``broker_client`` does."""
    with broker_client() as client:
        if client is None:
            return {}
        return {name: QueueState(int(client.llen(name)), _age(client.lindex(name, -1))) for name in QUEUES}


def _age(message: bytes | None) -> float:
    """Seconds since the message was sent, as its headers say (recsys_project.celery)."""
    try:
        sent_at = float(json.loads(message or b"{}")["headers"]["sent_at"])
    except (ValueError, KeyError, TypeError):
        return 0.0
    return max(0.0, time.time() - sent_at)
