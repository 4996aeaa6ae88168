"""Gunicorn's threaded worker, which answers all waiting connections before it stops."""

import os
import select
from typing import Any

from gunicorn.workers.gthread import ThreadWorker


class DrainingWorker(ThreadWorker):
    """On shutdown, accepts all queued connections, closes the listener, answers the connections and exits.

    Gunicorn's worker stops accepting and closes the listener seconds later, when it exits. If no other process listens,
    the kernel queues connections until then and resets them all. Here, later connections are refused at once, so that
    a proxy or client can send them elsewhere.
    """

    def set_accept_enabled(self, enabled: bool) -> None:
        """Starts or stops accepting connections; on shutdown, also drains and closes the listeners."""
        super().set_accept_enabled(enabled)
        ending = not self.alive or os.getppid() != self.ppid
        if enabled or not ending:
            return
        for listener in self.sockets:
            while _has_connection(listener):
                self.accept(listener)
            listener.close()


def _has_connection(listener: Any) -> bool:
    """Whether the listener has a connection to accept."""
    if listener.sock is None:
        return False
    poll = select.poll()
    poll.register(listener, select.POLLIN)
    return bool(poll.poll(0))
