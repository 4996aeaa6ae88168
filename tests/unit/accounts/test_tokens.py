"""Tokens that are signed as they should be and say what makes no sense, wherever one is read."""

import base64
import json
import uuid
from datetime import timedelta

import jwt
import pytest
from django.conf import settings
from django.utils import timezone

from accounts import signins
from accounts.models import RefreshToken
from accounts.signing_keys import key_id
from accounts.tokens import AccessToken
from accounts.tokens import RefreshToken as SignedRefreshToken
from tests.factories import client_of, make_user

pytestmark = pytest.mark.django_db
ABSENT = object()
SENSELESS = [
    *[
        ("user_id", value)
        for value in (
            ABSENT,
            None,
            True,
            False,
            0,
            -1,
            1.5,
            10**30,
            2**63,
            [],
            [1],
            {},
            {"id": 1},
            "",
            "junk",
            "1 OR 1",
        )
    ],
    *[("user_id", text) for text in ("-1", "01", "1.0", "٣", "\x00", "\ud800", "9" * 19, "9" * 400)],
    *[("jti", value) for value in (ABSENT, None, True, 7, [], {}, "", "junk", "\x00", "\ud800", "A" * 32)],
    *[("exp", value) for value in (ABSENT, None, 0, -(10**30), 10**30, 1e300, [], {}, "", "soon")],
    *[("exp", float(text)) for text in ("nan", "inf", "-inf")],
    *[("token_type", value) for value in (ABSENT, None, True, 7, [], ["access"], {}, "", "sliding")],
    *[("iss", value) for value in (ABSENT, None, 7, [], {}, "other")],
    *[("aud", value) for value in (ABSENT, None, 7, [], {}, [7], "other")],
    *[("iat", value) for value in ([], {}, "soon", 10**30, float("nan"))],
    *[("nbf", value) for value in ([], {}, "soon", 10**30, float("inf"))],
    *[("token_version", value) for value in (ABSENT, None, True, False, 7, 0.0, -1, 10**30, [], {}, "0", "junk")],
    *[("family", value) for value in (None, True, 7, [], {}, "", "junk", "\x00", "\ud800", "0" * 32)],
]


def named(case) -> str:
    claim, value = case
    return f"{claim}={'absent' if value is ABSENT else ascii(value)[:20]}"


def payload_of(token: str) -> dict:
    """Also what simplejwt adds in writing: issuer and audience."""
    return jwt.decode(token, options={"verify_signature": False})


def signed(payload: dict) -> str:
    return jwt.encode(payload, settings.JWT_SIGNING_KEY, "HS256", headers={"kid": key_id(settings.JWT_SIGNING_KEY)})


def signed_bytes(payload: bytes) -> str:
    """Signed as the server signs, whatever the payload; PyJWT refuses to write some claims."""
    return jwt.PyJWS().encode(
        payload, settings.JWT_SIGNING_KEY, "HS256", headers={"kid": key_id(settings.JWT_SIGNING_KEY)}
    )


def changed(payload: dict, claim: str, value) -> str:
    """The token with another value of one claim, signed as the server signs."""
    payload = {name: given for name, given in payload.items() if name != claim}
    if value is not ABSENT:
        payload[claim] = value
    return signed_bytes(json.dumps(payload).encode())


def assert_refused(response) -> None:
    assert response.status_code == 401
    assert response.json()["error"]["code"] in ("token_not_valid", "user_not_found", "user_inactive")
    assert response["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize("case", SENSELESS, ids=named)
def test_a_senseless_access_token_is_a_401(settings, case):
    settings.RATELIMIT_ENABLE = True  # The limiter reads the token before the view does.
    settings.RATE_LIMITS = {"user": ["1000/s"], "anonymous": ["1000/s"]}
    client = client_of()
    token = changed(payload_of(str(AccessToken.for_user(make_user()))), *case)
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {token}")

    assert_refused(client.get("/api/auth/me/"))
    assert_refused(client.get("/api/recommendations/"))
    assert_refused(client.post("/api/events/", {"movie": 1, "kind": "like"}, format="json"))
    assert client.get("/health/live").status_code == 200  # Reads it for the log alone.


@pytest.mark.parametrize("case", SENSELESS, ids=named)
def test_a_senseless_refresh_token_is_a_401(api_client, case):
    user = make_user()
    good = signins.tokens_issue(user=user)
    token = changed(payload_of(good.refresh), *case)

    assert_refused(api_client.post("/api/auth/refresh/", {"refresh": token}, format="json"))
    assert RefreshToken.objects.get().revoked_at is None


@pytest.mark.parametrize(
    "header", [b"[" * 2900, b"[]", b"7", b"null", b"{", b'{"alg":["HS256"]}', b'{"alg":"HS256","kid":7}', b"\xff"]
)
def test_a_token_whose_header_is_no_header_is_a_401(api_client, header):
    token = base64.urlsafe_b64encode(header).decode().rstrip("=") + ".e30.x"

    assert_refused(api_client.post("/api/auth/refresh/", {"refresh": token}, format="json"))
    api_client.credentials(HTTP_AUTHORIZATION=f"Bearer {token}")
    assert_refused(api_client.get("/api/auth/me/"))


@pytest.mark.parametrize("payload", [b"[" * 2000, b"[]", b"7", b"null", b'"text"', b"\xff"])
def test_a_signed_token_that_holds_no_claims_is_a_401(api_client, payload):
    token = signed_bytes(payload)

    assert_refused(api_client.post("/api/auth/refresh/", {"refresh": token}, format="json"))
    api_client.credentials(HTTP_AUTHORIZATION=f"Bearer {token}")
    assert_refused(api_client.get("/api/auth/me/"))


def test_a_user_id_is_read_as_a_number_and_in_digits(api_client):
    user = make_user()
    payload = payload_of(str(AccessToken.for_user(user)))

    for user_id in (user.pk, str(user.pk)):
        api_client.credentials(HTTP_AUTHORIZATION=f"Bearer {changed(payload, 'user_id', user_id)}")
        assert api_client.get("/api/auth/me/").json()["id"] == user.pk


@pytest.mark.parametrize("scheme", ["bearer", "BEARER", "Bearer", "bEaReR"])
def test_the_scheme_is_a_word_in_any_case(api_client, scheme):
    user = make_user()
    token = AccessToken.for_user(user)

    api_client.credentials(HTTP_AUTHORIZATION=f"{scheme} {token}")
    assert api_client.get("/api/auth/me/").json()["id"] == user.pk
    api_client.credentials(HTTP_AUTHORIZATION=f"{scheme}   {token} ")
    assert api_client.get("/api/auth/me/").json()["id"] == user.pk
    api_client.credentials(HTTP_AUTHORIZATION=f"{scheme} {token} more")
    assert api_client.get("/api/auth/me/").status_code == 401
    api_client.credentials(HTTP_AUTHORIZATION=f"{scheme}{token}")
    assert api_client.get("/api/auth/me/").status_code == 401


def test_a_token_id_that_nobody_was_given_refreshes_nothing(api_client):
    user = make_user()
    payload = payload_of(signins.tokens_issue(user=user).refresh)
    other = signins.tokens_issue(user=make_user())

    expired = payload | {"exp": int((timezone.now() - timedelta(seconds=1)).timestamp())}
    foreign = payload | {"family": payload_of(other.refresh)["family"]}
    for claims in (expired, foreign, payload | {"family": uuid.uuid4().hex}):
        assert_refused(api_client.post("/api/auth/refresh/", {"refresh": signed(claims)}, format="json"))
    assert not RefreshToken.objects.exclude(revoked_at=None).exists()
    for jti in (uuid.uuid4().hex, SignedRefreshToken(other.refresh)["jti"]):
        assert_refused(
            api_client.post("/api/auth/refresh/", {"refresh": signed(payload | {"jti": jti})}, format="json")
        )
    # Only someone with the key, or a database that was restored, knows such a token.
    assert RefreshToken.objects.get(user=user).revoked_at is not None
    assert RefreshToken.objects.exclude(user=user).get().revoked_at is None
