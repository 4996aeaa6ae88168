"""Thin tasks: each calls one service. Imported here so that a worker finds them all."""

from workers.tasks import maintenance, refresh, training

__all__ = ["maintenance", "refresh", "training"]
