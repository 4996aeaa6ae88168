"""Celery tasks, each of which calls one service. Imported here so that autodiscovery finds them."""

from workers.tasks import (
    attribution,
    catalogue,
    folding,
    mails,
    maintenance,
    readiness,
    refresh,
    served,
    training,
    watch,
)

__all__ = [
    "attribution",
    "catalogue",
    "folding",
    "mails",
    "maintenance",
    "readiness",
    "refresh",
    "served",
    "training",
    "watch",
]
