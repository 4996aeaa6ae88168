"""The keys that sign tokens: one that signs, and during a rotation the one before, which still verifies.

Each token names its key in the header ``kid`` (RFC 7515, 4.1.4), so that one key is tried for each token.
"""

import hashlib
from functools import lru_cache
from typing import Any

import jwt
from django.conf import settings
from rest_framework_simplejwt.backends import TokenBackend
from rest_framework_simplejwt.exceptions import TokenBackendError
from rest_framework_simplejwt.tokens import Token


@lru_cache(maxsize=8)
def key_id(key: str) -> str:
    """The id of a key: the beginning of its hash, so that it needs no setting of its own."""
    return hashlib.sha256(b"recsys signing key:" + key.encode()).hexdigest()[:16]


@lru_cache(maxsize=16)
def _key_named(header: bytes) -> Any:
    """The ``kid`` of an encoded header, which all tokens of a key share. Raises what PyJWT does for a wrong one."""
    return jwt.get_unverified_header(header + b".e30.").get("kid")


def _header(token: Any) -> bytes:
    """The encoded header of a token: what comes before the first point. simplejwt passes the text, not a Token."""
    text = token.encode() if isinstance(token, str) else bytes(token)
    return text.partition(b".")[0]


class RotatingKeysBackend(TokenBackend):
    """simplejwt's backend with two keys, read from the settings at each use."""

    def encode(self, payload: dict[str, Any]) -> str:
        """Signs with JWT_SIGNING_KEY."""
        key = settings.JWT_SIGNING_KEY
        claims = payload | {"aud": self.audience, "iss": self.issuer}
        headers = {"kid": key_id(key)}
        return jwt.encode(claims, key, algorithm=self.algorithm, json_encoder=self.json_encoder, headers=headers)

    def get_verifying_key(self, token: Token) -> Any:
        """The key that the token names. Raises TokenBackendError for any but the present one and the one before."""
        named = _key_named(_header(token))
        for key in (settings.JWT_SIGNING_KEY, settings.JWT_SIGNING_KEY_PREVIOUS):
            if key and named == key_id(key):
                return key
        raise TokenBackendError("Token is signed by an unknown key")
