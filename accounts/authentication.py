"""Who a request comes from: the access token in its ``Authorization: Bearer`` header, verified once a request."""

from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.plumbing import build_bearer_security_scheme_object
from rest_framework.request import Request
from rest_framework_simplejwt.authentication import JWTAuthentication
from rest_framework_simplejwt.exceptions import InvalidToken
from rest_framework_simplejwt.settings import api_settings
from rest_framework_simplejwt.tokens import AccessToken, Token

from accounts import tokens
from accounts.models import User
from accounts.selectors import user_read

_ATTRIBUTE = "_verified_access_token"


def bearer_credentials(request: HttpRequest) -> str | None:
    """What follows ``Bearer``, in any case (RFC 9110, 11.1), in the Authorization header; None where that is not the
    scheme and one word."""
    parts = request.META.get("HTTP_AUTHORIZATION", "").split()
    return parts[1] if len(parts) == 2 and parts[0].lower() == "bearer" else None


def token_user_id(request: HttpRequest) -> int | None:
    """The user id in a valid access token, without a query; None without one. The limiter runs before the view does."""
    token = _verified_token(request)
    return None if token is None else tokens.token_user_id(token)


def _verified_token(request: HttpRequest) -> Token | None:
    """The request's access token if it is good (see ``accounts.tokens``); remembered on the request."""
    if not hasattr(request, _ATTRIBUTE):
        raw = bearer_credentials(request)
        setattr(request, _ATTRIBUTE, None if raw is None else tokens.token_read(AccessToken, raw.encode()))
    return getattr(request, _ATTRIBUTE)


class _People:
    """What simplejwt knows of the user model, for its one lookup; see ``accounts.selectors.user_read``."""

    DoesNotExist = User.DoesNotExist

    @property
    def objects(self) -> "_People":
        return self

    @staticmethod
    def get(**lookup: Any) -> User:
        return user_read(user_id=int(lookup[api_settings.USER_ID_FIELD]))


class AccessTokenAuthentication(JWTAuthentication):
    """simplejwt's authentication, sparing a second verification of a token that the limiter has read already.

    The person is read from the database each time, so a deleted or inactive one, or one whose password has changed
    since, is refused at once.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.user_model = _People()  # type: ignore[assignment]  # It is asked for no more than this.

    def authenticate(self, request: Request) -> tuple[Any, Token] | None:
        verified = _verified_token(request._request)
        if verified is not None:
            return self.get_user(verified), verified
        return super().authenticate(request)

    def get_raw_token(self, header: bytes) -> bytes | None:
        """simplejwt knows the scheme in one spelling only."""
        parts = header.split()
        if parts and parts[0].lower() == b"bearer":
            header = b" ".join([b"Bearer", *parts[1:]])
        return super().get_raw_token(header)

    def get_validated_token(self, raw_token: bytes) -> Token:
        token = tokens.token_read(AccessToken, raw_token)
        if token is None:
            raise InvalidToken
        return token


class AccessTokenScheme(OpenApiAuthenticationExtension):
    """How the OpenAPI schema shows the token: got by OAuth2's password form, so that the page of the schema can sign
    in, or brought along."""

    target_class = AccessTokenAuthentication
    name = ["oauth2", "bearer"]

    def get_security_requirement(self, auto_schema: Any) -> list[dict[str, list[Any]]]:
        """Either of the two."""
        return [{name: []} for name in self.name]

    def get_security_definition(self, auto_schema: Any) -> list[dict[str, Any]]:
        password = {"tokenUrl": reverse("accounts:token"), "scopes": {}}
        return [
            {"type": "oauth2", "description": "E-mail address and password.", "flows": {"password": password}},
            build_bearer_security_scheme_object(header_name="Authorization", token_prefix="Bearer"),  # noqa: S106
        ]
