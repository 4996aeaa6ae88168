"""The beat's scheduler: django-celery-beat's, without the gap through which missed runs fall."""

from __future__ import annotations

from django.db.models import QuerySet
from django_celery_beat.models import PeriodicTask
from django_celery_beat.schedulers import DatabaseScheduler


class Scheduler(DatabaseScheduler):
    """Looks at every enabled entry.

    django-celery-beat (2.9) leaves out crontab entries whose hour is more than two hours from now, to keep its heap
    small: one that fell due while beat was down, or that beat was too late for, is then not made up before its next
    time. With all entries in the schedule it is sent once, as soon as beat is back.
    """

    def enabled_models_qs(self) -> QuerySet[PeriodicTask]:
        return self.Model.objects.enabled()
