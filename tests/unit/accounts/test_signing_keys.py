"""Two signing keys during a rotation, told apart by the header ``kid``."""

import jwt
import pytest

from accounts import signins
from tests.factories import client_of, make_user

pytestmark = pytest.mark.django_db
NEW, OTHER = "n" * 40, "o" * 40


def status_of(access: str) -> int:
    client = client_of()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {access}")
    return client.get("/api/auth/me/").status_code


def rotate(settings, key: str) -> None:
    settings.JWT_SIGNING_KEY, settings.JWT_SIGNING_KEY_PREVIOUS = key, settings.JWT_SIGNING_KEY


def test_a_rotation_keeps_everybody_signed_in(settings):
    pair = signins.tokens_issue(user=make_user())

    rotate(settings, NEW)

    assert status_of(pair.access) == 200
    renewed = signins.tokens_refresh(refresh=pair.refresh)
    assert jwt.get_unverified_header(renewed.access)["kid"] != jwt.get_unverified_header(pair.access)["kid"]
    jwt.decode(renewed.access, NEW, algorithms=["HS256"], audience="recsys-api")
    settings.JWT_SIGNING_KEY_PREVIOUS = ""
    assert status_of(renewed.access) == 200


def test_a_key_that_is_rotated_out_opens_nothing(settings):
    pair = signins.tokens_issue(user=make_user())
    rotate(settings, NEW)
    rotate(settings, OTHER)

    assert status_of(pair.access) == 401
    with pytest.raises(signins.InvalidRefreshTokenError):
        signins.tokens_refresh(refresh=pair.refresh)


def test_the_key_is_the_one_that_the_token_names(settings):
    pair = signins.tokens_issue(user=make_user())
    claims = jwt.decode(pair.access, options={"verify_signature": False})
    kid = jwt.get_unverified_header(pair.access)["kid"]

    assert status_of(jwt.encode(claims, settings.JWT_SIGNING_KEY, "HS256", headers={"kid": kid})) == 200
    for headers in ({}, {"kid": ""}, {"kid": "unknown"}, {"kid": kid.upper()}):
        assert status_of(jwt.encode(claims, settings.JWT_SIGNING_KEY, "HS256", headers=headers)) == 401
    assert status_of(jwt.encode(claims, NEW, "HS256", headers={"kid": kid})) == 401
    assert status_of(jwt.encode(claims, "", "none", headers={"kid": kid})) == 401
    # An unset previous key is no key.
    assert settings.JWT_SIGNING_KEY_PREVIOUS == ""
    assert status_of(jwt.encode(claims, "x" * 32, "HS256", headers={"kid": ""})) == 401
