"""Thin tasks: each calls one service. Imported here so that a worker finds them all."""

from workers.tasks import refresh, training

__all__ = ["refresh", "training"]
