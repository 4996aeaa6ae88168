"""The beat's scheduler: django-celery-beat's, without the gap through which missed runs fall."""

from __future__ import annotations

import signal
from types import FrameType
from typing import Any

from django.db.models import QuerySet
from django_celery_beat.models import PeriodicTask
from django_celery_beat.schedulers import DatabaseScheduler


class Scheduler(DatabaseScheduler):
    """Looks at every enabled entry.

    django-celery-beat (2.9) leaves out crontab entries whose hour is more than two hours from now, to keep its heap
    small: one that fell due while beat was down, or that beat was too late for, is then not made up before its next
    time. With all entries in the schedule it is sent once, as soon as beat is back.

    Told to end, it ends before its next look at the latest. Celery's own handler saves the schedule over the connection
    that the interrupted statement holds, so that beat waits for itself for ever or goes on. Celery saves it once more
    when its loop has ended, which is enough.
    """

    _ending = False

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            # Nobody else's, as where an entry of the admin or a test makes a scheduler.
            if getattr(signal.getsignal(number), "__module__", "") == "celery.apps.beat":
                signal.signal(number, self._end)
        super().__init__(*args, **kwargs)

    def tick(self, *args: Any, **kwargs: Any) -> Any:
        """Seconds until the next look. Ends the process where something swallowed the exit that ``_end`` raised."""
        if self._ending:
            raise SystemExit
        return super().tick(*args, **kwargs)

    def _end(self, number: int, frame: FrameType | None) -> None:
        self._ending = True
        raise SystemExit

    def enabled_models_qs(self) -> QuerySet[PeriodicTask]:
        return self.Model.objects.enabled()
