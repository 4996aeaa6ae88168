"""The composition root: settings, URLs, the Celery app, middleware and the embedded services."""

from recsys_project.celery import app as celery_app

__all__ = ["celery_app"]
