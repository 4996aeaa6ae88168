"""Signs and reads tokens. Reading yields a valid token or None, and no content of a token causes a server error.

A signature proves who issued a token, not that its claims make sense: an earlier release, another service with the key,
or someone who stole the key may have written anything. simplejwt lets unexpected errors through (OverflowError for an
``exp`` of 10**30, RecursionError for a header of nested brackets), so all tokens are read by this module.
"""

import re
from typing import Any, Self, TypeVar, cast
from uuid import UUID

from rest_framework_simplejwt import tokens as simplejwt
from rest_framework_simplejwt.exceptions import TokenError
from rest_framework_simplejwt.settings import api_settings
from rest_framework_simplejwt.tokens import Token

from accounts.models import User
from accounts.signing_keys import RotatingKeysBackend

TokenT = TypeVar("TokenT", bound=Token)

# What simplejwt and PyJWT raise for bytes that are no token, and for claims of an unexpected type.
_UNREADABLE = (TokenError, ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RecursionError)
_JTI = re.compile(r"[0-9a-f]{32}")
_USER_ID = re.compile(r"[1-9][0-9]{0,18}")
_MAX_USER_ID = 2**63 - 1
FAMILY_CLAIM = "family"
VERSION_CLAIM = "token_version"
_backend = RotatingKeysBackend(
    api_settings.ALGORITHM,
    audience=api_settings.AUDIENCE,
    issuer=api_settings.ISSUER,
    leeway=api_settings.LEEWAY,
    json_encoder=api_settings.JSON_ENCODER,
)


class AccessToken(simplejwt.AccessToken):
    """An access token of a user's present version; with a family it also ends when that is signed out."""

    _token_backend = _backend

    @classmethod
    def for_user(cls, user: Any) -> Self:
        return _with_version(super().for_user(user), user)


class RefreshToken(simplejwt.RefreshToken):
    """A refresh token of a user's present version, and of a family."""

    _token_backend = _backend

    @classmethod
    def for_user(cls, user: Any) -> Self:
        return _with_version(cast(Self, super().for_user(user)), user)


def token_read(kind: type[TokenT], text: str | bytes) -> TokenT | None:
    """The token, if its signature, issuer, audience, expiry and type are valid and it holds a user id and a token id;
    otherwise None. No query."""
    try:
        token = kind(cast(Any, text))  # simplejwt's annotation omits encoded tokens.
    except _UNREADABLE:
        return None
    return None if _user_id(token) is None or _jti(token) is None else token


def token_user_id(token: Token) -> int:
    """The user id of a token that ``token_read`` returned."""
    return cast(int, _user_id(token))


def token_jti(token: Token) -> UUID:
    """The id (jti) of a token that ``token_read`` returned."""
    return cast(UUID, _jti(token))


def token_family(token: Token) -> UUID | None:
    """The family of a token; None without one, and for anything that is no id."""
    claim = token.get(FAMILY_CLAIM)
    return UUID(hex=claim) if isinstance(claim, str) and _JTI.fullmatch(claim) else None


def token_is_current(token: Token, user: User) -> bool:
    """Whether the token was signed under the user's present version: since then no password was set, nobody signed out
    everywhere, and the account was not deactivated."""
    claim = token.get(VERSION_CLAIM)
    return type(claim) is int and claim == user.token_version


def _with_version(token: TokenT, user: User) -> TokenT:
    token[VERSION_CLAIM] = user.token_version
    return token


def _user_id(token: Token) -> int | None:
    """The user id claim, a positive bigint given as a number or a string of digits; None if it is anything else."""
    claim = token.get(api_settings.USER_ID_CLAIM)
    if isinstance(claim, int) and not isinstance(claim, bool):
        return claim if 0 < claim <= _MAX_USER_ID else None
    if isinstance(claim, str) and _USER_ID.fullmatch(claim):
        return int(claim) if int(claim) <= _MAX_USER_ID else None
    return None


def _jti(token: Token) -> UUID | None:
    claim = token.get(api_settings.JTI_CLAIM)
    return UUID(hex=claim) if isinstance(claim, str) and _JTI.fullmatch(claim) else None
