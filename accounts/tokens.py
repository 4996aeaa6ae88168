"""Reading tokens: whatever a token says, it is either good or None; nothing that it holds is an error of ours.

A signature proves who wrote a token, not that its claims make sense: a release before this one, another service with
the key, or a thief of it may have written anything. simplejwt raises what its own code runs into on the way (an
OverflowError for an ``exp`` of 10**30, a RecursionError for a header of brackets), so tokens are read here only.
"""

import re
from typing import Any, TypeVar, cast
from uuid import UUID

from rest_framework_simplejwt.exceptions import TokenError
from rest_framework_simplejwt.settings import api_settings
from rest_framework_simplejwt.tokens import Token

TokenT = TypeVar("TokenT", bound=Token)

# What simplejwt and PyJWT let through of bytes that are no token, or of claims of another type than they expect.
_UNREADABLE = (TokenError, ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RecursionError)
_JTI = re.compile(r"[0-9a-f]{32}")
_USER_ID = re.compile(r"[1-9][0-9]{0,18}")
_MAX_USER_ID = 2**63 - 1


def token_read(kind: type[TokenT], text: str | bytes) -> TokenT | None:
    """The token of this kind, if its signature, issuer, audience, age and type are right and it names a user id and a
    token id; otherwise None. Asks no database."""
    try:
        token = kind(cast(Any, text))  # simplejwt's annotation leaves encoded tokens out.
    except _UNREADABLE:
        return None
    return None if _user_id(token) is None or _jti(token) is None else token


def token_user_id(token: Token) -> int:
    """The user id in a token that ``token_read`` has read."""
    return cast(int, _user_id(token))


def token_jti(token: Token) -> UUID:
    """The id of a token that ``token_read`` has read."""
    return cast(UUID, _jti(token))


def _user_id(token: Token) -> int | None:
    """A positive number that PostgreSQL can hold, written as a number or in digits."""
    claim = token.get(api_settings.USER_ID_CLAIM)
    if isinstance(claim, int) and not isinstance(claim, bool):
        return claim if 0 < claim <= _MAX_USER_ID else None
    if isinstance(claim, str) and _USER_ID.fullmatch(claim):
        return int(claim) if int(claim) <= _MAX_USER_ID else None
    return None


def _jti(token: Token) -> UUID | None:
    claim = token.get(api_settings.JTI_CLAIM)
    return UUID(hex=claim) if isinstance(claim, str) and _JTI.fullmatch(claim) else None
