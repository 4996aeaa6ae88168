"""Whom a request is about: the person of a token, or the user whom a client application names in ``user``."""

from collections.abc import Collection
from typing import Any

import structlog
from django.core.exceptions import ValidationError
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.exceptions import PermissionDenied
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from accounts.clients.keys import ClientCaller
from accounts.clients.openapi import EXTERNAL_ID_SCHEMA
from accounts.clients.scopes import Scope
from accounts.clients.users import client_user_get_or_create, client_users_get_or_create, external_id_problem
from accounts.models import EXTERNAL_ID_LENGTH, User

ONLY_WITH_A_KEY = "Only a client application names a user, with an API key."
REQUIRED_WITH_A_KEY = "With an API key, name the user by your own id."


@extend_schema_field(EXTERNAL_ID_SCHEMA)
class ExternalIdField(serializers.CharField):
    """A client's own id of a user, exactly as sent."""

    def __init__(self, **kwargs: Any) -> None:
        defaults: dict[str, Any] = {
            "required": False,
            "trim_whitespace": False,
            "max_length": EXTERNAL_ID_LENGTH,
            "help_text": "Your own id of the user. Required with an API key, refused without one.",
        }
        super().__init__(**(defaults | kwargs))

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):  # REST framework's field takes numbers too.
            self.fail("invalid")
        text = super().to_internal_value(data)
        problem = external_id_problem(text)
        if problem:
            raise serializers.ValidationError(problem)
        return text


class UserQuerySerializer(serializers.Serializer):
    """The parameter ``user`` of a query."""

    user = ExternalIdField()


class WithClientKey(BasePermission):
    """Allows client applications only."""

    message = "Only a client application may do this, with an API key."

    def has_permission(self, request: Request, view: Any) -> bool:
        return isinstance(request.auth, ClientCaller)


def acting_user(request: Request, external_id: str | None = None) -> User:
    """The user of a request: the person of its token, or the client's user, who is created if the id is new.

    external_id: ``user`` of a valid body; by default the query's. Call it when the rest of the request is valid. Raises
    ValidationError naming ``user`` if it is missing with a key, or there without one.
    """
    if external_id is None:
        external_id = _from_query(request)
    caller = request.auth
    if not isinstance(caller, ClientCaller):
        if external_id is not None:
            raise ValidationError({"user": ONLY_WITH_A_KEY})
        return request.user  # type: ignore[return-value]  # IsAuthenticated holds.
    if external_id is None:
        raise ValidationError({"user": REQUIRED_WITH_A_KEY})
    user, _ = client_user_get_or_create(client_id=caller.client_id, external_id=external_id)
    request._request.acting_user = user  # type: ignore[attr-defined]  # For the fast path.
    # For this request's line in the log.
    structlog.contextvars.bind_contextvars(client_user_id=user.pk)
    return user


def acting_users(
    request: Request, external_ids: Collection[str | None]
) -> tuple[dict[str | None, User], dict[str | None, Exception]]:
    """``acting_user`` for many ids of one valid body (None: not named).

    Returns the users by id, and what ``acting_user`` raises for each of the other ids.
    """
    caller = request.auth
    ids = {name for name in external_ids if name is not None}
    users: dict[str | None, User] = {}
    problems: dict[str | None, Exception] = {}
    if not isinstance(caller, ClientCaller):
        users[None] = request.user  # type: ignore[assignment]  # IsAuthenticated holds.
        problems.update({name: ValidationError({"user": ONLY_WITH_A_KEY}) for name in ids})
        return users, problems
    found, refused = client_users_get_or_create(client_id=caller.client_id, external_ids=sorted(ids))
    users.update(found)
    problems.update(refused)
    problems[None] = ValidationError({"user": REQUIRED_WITH_A_KEY})
    return users, problems


def acting_user_if_named(request: Request, scope: Scope) -> User | None:
    """The person of the request's token; or the client's user, if the query names one and the key has this scope too.

    For pages open to everyone: None for guests, and for a client that names nobody. Raises what ``acting_user`` raises,
    and PermissionDenied.
    """
    caller, external_id = request.auth, _from_query(request)
    if isinstance(caller, ClientCaller):
        if external_id is None:
            return None
        if scope not in caller.scopes:
            raise PermissionDenied(f"This API key does not have the scope {scope}.")
    user = acting_user(request, external_id)
    return user if user.is_authenticated else None


def _from_query(request: Request) -> str | None:
    given = request.query_params.getlist("user")
    if len(given) > 1:
        raise ValidationError({"user": "Name one user."})
    return given[0] if given else None
