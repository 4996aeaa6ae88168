"""Middleware that remembers, after Django has answered, what the fast path needs to answer the next request."""

import time

from django.http import HttpRequest
from django.http.response import HttpResponseBase

from accounts.clients.keys import ClientCaller
from accounts.models import User
from recommendations.discovery.stamped_cache import noting_expiries
from recsys_project.fast_path import watch
from recsys_project.fast_path.access import remember
from recsys_project.fast_path.callers import Callers, person_entries
from recsys_project.fast_path.lane import Lane
from recsys_project.fast_path.shared import SharedRoute
from recsys_project.middleware import GetResponse

_PATH = "/api/recommendations/"


class LearningMiddleware:
    """Writes whose access the request has just read from the database. Without a fast path it does nothing."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        lane = watch.running_lane()
        if lane is None or request.method != "GET":
            return self.get_response(request)
        if (route := lane.shared.at(request.path_info)) is not None:
            return self._learn_answer(request, lane, route)
        if request.path_info != _PATH:
            return self.get_response(request)
        callers, began = lane.callers, time.time()
        response = self.get_response(request)
        if callers is not None and response.status_code == 200:
            entries = _entries(request, callers)
            if entries:
                remember(entries, stamp=callers.stamp, read_at=began)
        return response

    def _learn_answer(self, request: HttpRequest, lane: Lane, route: SharedRoute) -> HttpResponseBase:
        """Lets the lane hold an answer that is the same for everybody, and know the key that it was given to."""
        callers, known, began = lane.callers, lane.known, time.time()
        with noting_expiries() as until:
            response = self.get_response(request)
        if callers is None or known is None or response.status_code != 200:
            return response
        route.learn(request, response, state=known.state, until=until)
        if isinstance(request.user, ClientCaller):
            entries = callers.learn_key(request.META["HTTP_AUTHORIZATION"].encode(), request.user)
            if entries:
                remember(entries, stamp=callers.stamp, read_at=began)
        return response


def _entries(request: HttpRequest, callers: Callers) -> dict[str, str]:
    caller, token = request.user, getattr(request, "auth", None)
    if isinstance(caller, ClientCaller):
        user = getattr(request, "acting_user", None)
        if not isinstance(user, User) or not user.is_active or not user.personalisation:
            return {}
        return callers.learn_user(request.META["HTTP_AUTHORIZATION"].encode(), caller, user)
    if not isinstance(caller, User) or token is None or not caller.is_active or not caller.personalisation:
        return {}
    return person_entries(caller, token)
