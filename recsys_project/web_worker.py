"""Gunicorn's threaded worker, which leaves nobody waiting behind when it is told to end."""

import os
import select
from typing import Any

from gunicorn.workers.gthread import ThreadWorker


class DrainingWorker(ThreadWorker):
    """Told to end, it takes the connections that wait in the listener's queue, closes the listener, answers all of them
    and ends.

    Gunicorn's own stops taking connections and closes the listener when it ends, seconds later. Where no other process
    listens on it, the kernel goes on queueing connections until then, and resets them all. Here what comes after the
    listener is closed is refused, so that a proxy or client may send it elsewhere.
    """

    def set_accept_enabled(self, enabled: bool) -> None:
        """Begins or stops to take connections; for good where the worker ends."""
        super().set_accept_enabled(enabled)
        ending = not self.alive or os.getppid() != self.ppid
        if enabled or not ending:
            return
        for listener in self.sockets:
            while _is_waited_for(listener):
                self.accept(listener)
            listener.close()


def _is_waited_for(listener: Any) -> bool:
    """Whether a connection waits to be taken."""
    if listener.sock is None:
        return False
    poll = select.poll()
    poll.register(listener, select.POLLIN)
    return bool(poll.poll(0))
