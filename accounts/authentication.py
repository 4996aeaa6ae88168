"""Authenticates requests by the access token in ``Authorization: Bearer``, which is verified once per request."""

from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.plumbing import build_bearer_security_scheme_object
from rest_framework.request import Request
from rest_framework_simplejwt.authentication import JWTAuthentication
from rest_framework_simplejwt.exceptions import AuthenticationFailed, InvalidToken
from rest_framework_simplejwt.tokens import Token

from accounts import tokens
from accounts.models import User
from accounts.selectors import user_read

_ATTRIBUTE = "_verified_access_token"
_ENDED = "This access token is not valid, or not any more. Refresh it, or sign in again."


def bearer_credentials(request: HttpRequest) -> str | None:
    """The credentials after ``Bearer`` (case-insensitive: RFC 9110, 11.1) in the Authorization header.

    None if the scheme is another one, or if exactly one word does not follow it.
    """
    parts = request.META.get("HTTP_AUTHORIZATION", "").split()
    return parts[1] if len(parts) == 2 and parts[0].lower() == "bearer" else None


def token_user_id(request: HttpRequest) -> int | None:
    """The user id in a valid access token, else None. No query: the rate limiter calls it before the view runs."""
    token = _verified_token(request)
    return None if token is None else tokens.token_user_id(token)


def _verified_token(request: HttpRequest) -> Token | None:
    """The request's access token if it is valid (see ``accounts.tokens``); cached on the request."""
    if not hasattr(request, _ATTRIBUTE):
        raw = bearer_credentials(request)
        setattr(request, _ATTRIBUTE, None if raw is None else tokens.token_read(tokens.AccessToken, raw.encode()))
    return getattr(request, _ATTRIBUTE)


class AccessTokenAuthentication(JWTAuthentication):
    """simplejwt's authentication, without verifying a token again that the rate limiter has verified.

    The user is read from the database on each request, so a user who was deleted or deactivated, signed out or set a
    password since, is refused at once.
    """

    def authenticate(self, request: Request) -> tuple[Any, Token] | None:
        verified = _verified_token(request._request)
        if verified is not None:
            return self.get_user(verified), verified
        return super().authenticate(request)

    def get_raw_token(self, header: bytes) -> bytes | None:
        """Accepts ``Bearer`` in any case; simplejwt accepts one spelling only."""
        parts = header.split()
        if parts and parts[0].lower() == b"bearer":
            header = b" ".join([b"Bearer", *parts[1:]])
        return super().get_raw_token(header)

    def get_validated_token(self, raw_token: bytes) -> Token:
        token = tokens.token_read(tokens.AccessToken, raw_token)
        if token is None:
            raise InvalidToken(_ENDED)
        return token

    def get_user(self, validated_token: Token) -> Any:
        """The user of a token that ``get_validated_token`` returned. Raises AuthenticationFailed if it has ended."""
        family = tokens.token_family(validated_token)
        try:
            user, signed_in = user_read(user_id=tokens.token_user_id(validated_token), family=family)
        except User.DoesNotExist as error:
            raise AuthenticationFailed("This account does not exist any more.", code="user_not_found") from error
        if not user.is_active:
            raise AuthenticationFailed("This account is not active.", code="user_inactive")
        ended = tokens.FAMILY_CLAIM in validated_token and not signed_in
        if ended or not tokens.token_is_current(validated_token, user):
            raise InvalidToken(_ENDED)
        return user


class AccessTokenScheme(OpenApiAuthenticationExtension):
    """Describes the token in the OpenAPI schema: obtained by OAuth2's password flow, so that the docs page can sign in,
    or pasted in."""

    target_class = AccessTokenAuthentication
    name = ["oauth2", "bearer"]

    def get_security_requirement(self, auto_schema: Any) -> list[dict[str, list[Any]]]:
        """Either scheme is enough."""
        return [{name: []} for name in self.name]

    def get_security_definition(self, auto_schema: Any) -> list[dict[str, Any]]:
        password = {"tokenUrl": reverse("accounts:token"), "scopes": {}}
        return [
            {"type": "oauth2", "description": "E-mail address and password.", "flows": {"password": password}},
            build_bearer_security_scheme_object(header_name="Authorization", token_prefix="Bearer"),  # noqa: S106
        ]
