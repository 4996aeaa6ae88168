"""Beat's scheduler: django-celery-beat's, changed so that no missed run is lost."""

from __future__ import annotations

import signal
from types import FrameType
from typing import Any

import structlog
from django.db.models import QuerySet
from django_celery_beat.models import PeriodicTask
from django_celery_beat.schedulers import DatabaseScheduler

from workers.beat_lock import BeatLock

logger = structlog.get_logger(__name__)

STANDBY_SECONDS = 2.0
LATE_SECONDS = 120


class Scheduler(DatabaseScheduler):
    """Sends only while no other beat does, loads every enabled entry, and stops on SIGTERM and SIGINT between ticks.

    To keep its heap small, django-celery-beat (2.9) omits crontab entries whose hour is more than two hours away. An
    entry that became due while beat was down is then skipped until its next time. With all entries loaded, it is sent
    once, as soon as beat runs again.

    Celery's signal handler saves the schedule over the connection that the interrupted statement still uses, so that
    beat deadlocks or keeps running. Celery saves the schedule again after its loop, which is enough.

    Where two beats run, one has the lock (beat_lock). The other looks every few seconds, and reads the schedule again,
    with the times of the last runs, when it takes over.

    django-celery-beat ends if an entry cannot be read for another reason than a ValueError, and with it every task.
    """

    _ending = False
    _sending = True

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._lock = BeatLock()
        for number in (signal.SIGTERM, signal.SIGINT):
            # Replaces beat's handlers only: the admin and tests create schedulers in other processes.
            if getattr(signal.getsignal(number), "__module__", "") == "celery.apps.beat":
                signal.signal(number, self._end)
        super().__init__(*args, **kwargs)

    def tick(self, *args: Any, **kwargs: Any) -> Any:
        """Seconds until the next tick. Raises SystemExit again if something swallowed the one that ``_end`` raised."""
        if self._ending:
            raise SystemExit
        if not self._lock.held():
            self._sending = False
            return STANDBY_SECONDS
        if not self._sending:
            self._sending, self._initial_read, self._heap = True, True, None
        return super().tick(*args, **kwargs)

    def close(self) -> None:
        super().close()
        self._lock.release()

    def apply_entry(self, entry: Any, producer: Any = None) -> None:
        """Sends an entry. One that is late was missed, while beat, PostgreSQL or the whole system was away."""
        late = -entry.schedule.remaining_estimate(entry.last_run_at).total_seconds()
        if entry.total_run_count and late > LATE_SECONDS:
            logger.warning("missed_run_made_up", entry=entry.name, late_seconds=round(late))
        super().apply_entry(entry, producer=producer)

    def _end(self, number: int, frame: FrameType | None) -> None:
        self._ending = True
        raise SystemExit

    def enabled_models_qs(self) -> QuerySet[PeriodicTask]:
        return self.Model.objects.enabled()

    def all_as_schedule(self) -> dict[str, Any]:
        """Every enabled entry by its name. One that cannot be read is logged and left out; the others go on."""
        entries = {}
        for row in self.enabled_models():
            try:
                entries[row.name] = self.Entry(row, app=self.app)
            except Exception as error:  # A stored value makes the library raise anything.
                logger.error("schedule_not_readable", entry=row.name, reason=f"{type(error).__name__}: {error}")
        return entries
