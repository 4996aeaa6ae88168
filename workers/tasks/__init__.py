"""Celery tasks, each of which calls one service. Imported here so that autodiscovery finds them."""

from workers.tasks import mails, maintenance, refresh, served, training

__all__ = ["mails", "maintenance", "refresh", "served", "training"]
