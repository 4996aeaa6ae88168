"""Authenticates client applications by ``Authorization: Api-Key PREFIX.SECRET``."""

from collections.abc import Mapping
from typing import Any

import structlog
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed, PermissionDenied
from rest_framework.request import Request

from accounts.clients.keys import ClientCaller, client_caller, has_key, last_use_record


class InvalidKeyError(AuthenticationFailed):
    """401: the key is unknown, revoked or expired, or its client is inactive; the answer does not say which."""

    default_detail = "This API key is not valid."
    default_code = "api_key_not_valid"


def scope_of(view: Any, method: str | None) -> str | None:
    """The scope that a key needs for a method of a view; None where no key is accepted."""
    scopes: Mapping[str, str] = getattr(view, "client_scopes", {})
    return scopes.get("GET" if method == "HEAD" else str(method))


class ClientKeyAuthentication(BaseAuthentication):
    """Accepts a valid key with the scope that the view names in ``client_scopes``; a view without it accepts no key.

    ``request.user`` and ``request.auth`` are the ClientCaller; see ``accounts.api.client_users.acting_user``.
    """

    def authenticate(self, request: Request) -> tuple[Any, ClientCaller] | None:
        if not has_key(request._request):
            return None
        caller = client_caller(request._request)
        if caller is None:
            raise InvalidKeyError
        structlog.contextvars.bind_contextvars(api_key=caller.prefix)
        scope = scope_of(request.parser_context.get("view"), request.method)
        # A method that the view does not have is its own error.
        if scope is None and hasattr(request.parser_context.get("view"), str(request.method).lower()):
            raise PermissionDenied("An API key cannot be used here.")
        if scope is not None and scope not in caller.scopes:
            raise PermissionDenied(f"This API key does not have the scope {scope}.")
        last_use_record(caller)
        return caller, caller

    def authenticate_header(self, request: Request) -> str:
        return 'Api-Key realm="api"'


class ClientKeyScheme(OpenApiAuthenticationExtension):
    """Describes the key in the OpenAPI schema, for the operations that accept it."""

    target_class = ClientKeyAuthentication
    name = "apiKey"

    def get_security_requirement(self, auto_schema: Any) -> Any:
        return {self.name: []} if scope_of(auto_schema.view, auto_schema.method) else []

    def get_security_definition(self, auto_schema: Any) -> dict[str, Any]:
        text = "The key of a client application, as Api-Key PREFIX.SECRET."
        return {"type": "apiKey", "in": "header", "name": "Authorization", "description": text}
