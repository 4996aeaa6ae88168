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
        named = jwt.get_unverified_header(token).get("kid")  # type: ignore[arg-type]  # simplejwt passes the text.
        for key in (settings.JWT_SIGNING_KEY, settings.JWT_SIGNING_KEY_PREVIOUS):
            if key and named == key_id(key):
                return key
        raise TokenBackendError("Token is signed by an unknown key")
