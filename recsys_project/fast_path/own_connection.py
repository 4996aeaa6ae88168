"""Connections to PostgreSQL of threads that do not answer requests."""

from copy import deepcopy

from django.db import connections
from django.db.utils import load_backend


def use_own_connection() -> None:
    """Gives this thread a connection outside the pool, for which it would have to wait while all threads are busy."""
    settings = deepcopy(connections.settings["default"])
    settings["OPTIONS"].pop("pool", None)
    settings["CONN_MAX_AGE"] = None
    connections["default"] = load_backend(settings["ENGINE"]).DatabaseWrapper(settings, "default")
