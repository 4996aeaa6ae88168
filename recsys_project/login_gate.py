"""A share of each process's threads that sign-ins never get, so that a flood of them does not keep readers waiting."""

import threading

from django.conf import settings
from django.http import HttpRequest

_ATTRIBUTE = "_holds_login_place"
_places = threading.BoundedSemaphore(max(1, settings.LOGIN_CONCURRENCY))


def enter(request: HttpRequest) -> bool:
    """Gives the request one of the process's places for sign-ins; False at once if all are taken."""
    if not _places.acquire(blocking=False):
        return False
    setattr(request, _ATTRIBUTE, True)
    return True


def leave(request: HttpRequest) -> None:
    """Frees the request's place, if it has one."""
    if getattr(request, _ATTRIBUTE, False):
        setattr(request, _ATTRIBUTE, False)
        _places.release()
