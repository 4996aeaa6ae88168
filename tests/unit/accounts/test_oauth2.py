"""The token endpoint as OAuth2 has it (RFC 6749, 4.3, 5 and 6)."""

from urllib.parse import urlencode

import pytest
from django.test import Client

from accounts.models import RefreshToken
from tests.factories import PASSWORD, client_of, make_user

pytestmark = pytest.mark.django_db
FORM = "application/x-www-form-urlencoded"
SIGN_IN = {"grant_type": "password", "username": "ada@x.org", "password": PASSWORD}


@pytest.fixture(autouse=True)
def _ada():
    make_user("ada@x.org")


def ask(*parameters: tuple[str, str], content_type: str = FORM, **more: str):
    return Client().post("/api/auth/token/", urlencode([*parameters, *more.items()]), content_type=content_type)


def assert_not_stored(response) -> None:
    assert response["Cache-Control"] == "no-store"
    assert response["Pragma"] == "no-cache"


def test_the_password_grant_gives_tokens():
    for content_type in (FORM, f"{FORM}; charset=UTF-8", FORM.upper()):
        response = ask(content_type=content_type, **SIGN_IN)

        assert response.status_code == 200
        assert_not_stored(response)
        assert response["Content-Type"].startswith("application/json")
        body = response.json()
        assert (body["token_type"], body["expires_in"]) == ("Bearer", 300)
        client = client_of()
        client.credentials(HTTP_AUTHORIZATION=f"bearer {body['access_token']}")
        assert client.get("/api/auth/me/").status_code == 200


def test_the_refresh_grant_gives_the_next_tokens():
    first = ask(**SIGN_IN).json()["refresh_token"]

    second = ask(grant_type="refresh_token", refresh_token=first)
    third = ask(grant_type="refresh_token", refresh_token=second.json()["refresh_token"])
    replay = ask(grant_type="refresh_token", refresh_token=first)

    assert (second.status_code, third.status_code) == (200, 200)
    assert_not_stored(second)
    assert (replay.status_code, replay.json()["error"]) == (400, "invalid_grant")
    assert RefreshToken.objects.get().revoked_at is not None


@pytest.mark.parametrize(
    ("parameters", "error", "said"),
    [
        ({"unknown": "1"}, "invalid_request", "grant_type"),
        ({"grant_type": ""}, "invalid_request", "grant_type"),
        ({"username": "ada@x.org", "password": PASSWORD}, "invalid_request", "grant_type"),
        ({"grant_type": "client_credentials"}, "unsupported_grant_type", "grant_type"),
        ({"grant_type": "authorization_code", "code": "x"}, "unsupported_grant_type", "grant_type"),
        ({"grant_type": "Password"}, "unsupported_grant_type", "grant_type"),
        ({"grant_type": "password", "username": "ada@x.org"}, "invalid_request", "password"),
        ({"grant_type": "password", "username": "ada@x.org", "password": ""}, "invalid_request", "password"),
        ({"grant_type": "password", "password": PASSWORD}, "invalid_request", "username"),
        ({"grant_type": "password", "email": "ada@x.org", "password": PASSWORD}, "invalid_request", "username"),
        (SIGN_IN | {"password": "x" * 129}, "invalid_request", "password"),
        (SIGN_IN | {"username": "a" * 255}, "invalid_request", "username"),
        (SIGN_IN | {"password": "nul\x00"}, "invalid_request", "password"),
        (SIGN_IN | {"password": "wrong"}, "invalid_grant", ""),
        (SIGN_IN | {"username": "nobody@x.org"}, "invalid_grant", ""),
        ({"grant_type": "refresh_token"}, "invalid_request", "refresh_token"),
        ({"grant_type": "refresh_token", "refresh_token": "a.b.c"}, "invalid_grant", ""),
        ({"grant_type": "refresh_token", "refresh_token": "x" * 5000}, "invalid_request", "refresh_token"),
    ],
)
def test_an_error_is_said_in_the_words_of_oauth2(parameters, error, said):
    response = ask(**parameters)

    assert response.status_code == 400
    assert_not_stored(response)
    body = response.json()
    assert set(body) == {"error", "error_description"}
    assert body["error"] == error
    assert said in body["error_description"]
    assert not set('"\\') & set(body["error_description"])
    assert body["error_description"].isascii()
    assert not RefreshToken.objects.exists()


def test_a_parameter_given_twice_is_an_error():
    for name, value in [("username", "bob@x.org"), ("password", PASSWORD), ("grant_type", "password"), ("scope", "")]:
        parameters = [(name, value), *SIGN_IN.items(), ("scope", "")]

        response = ask(*parameters)

        assert (response.status_code, response.json()["error"]) == (400, "invalid_request")
        assert name in response.json()["error_description"]
    assert not RefreshToken.objects.exists()


def test_an_unknown_parameter_is_ignored():
    assert ask(("more", "1"), ("more", "2"), client_id="page", **SIGN_IN).status_code == 200


def test_errors_of_json_keep_the_shape_of_the_api():
    body = {"username": "ada@x.org", "password": "wrong"}

    response = client_of().post("/api/auth/token/", body, format="json")

    assert response.status_code == 401
    assert_not_stored(response)
    assert response.json()["error"]["code"] == "invalid_credentials"
