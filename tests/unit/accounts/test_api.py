"""The account endpoints."""

import json
from datetime import timedelta
from urllib.parse import urlencode

import pytest
from django.utils import timezone

from accounts.models import RefreshToken, User
from accounts.tokens import AccessToken
from tests.factories import PASSWORD, client_of, make_user

pytestmark = pytest.mark.django_db
STRONG = "a long enough one"


def post(client, path, data):
    return client.post(f"/api/auth/{path}/", json.dumps(data), content_type="application/json")


def form(client, data):
    return client.post("/api/auth/token/", urlencode(data), content_type="application/x-www-form-urlencoded")


def test_registering_signs_in(api_client):
    response = post(api_client, "register", {"email": "Ada@x.org", "password": STRONG, "display_name": "Ada"})

    body = response.json()
    assert response.status_code == 201
    user = User.objects.get()
    assert {key: body[key] for key in ("id", "email", "display_name")} == {
        "id": user.pk,
        "email": "ada@x.org",
        "display_name": "Ada",
    }
    assert STRONG not in response.content.decode()
    api_client.credentials(HTTP_AUTHORIZATION=f"Bearer {body['access']}")
    assert api_client.get("/api/auth/me/").json()["id"] == user.pk


@pytest.mark.parametrize(
    ("data", "field"),
    [
        ({"password": STRONG}, "email"),
        ({"email": "no address", "password": STRONG}, "email"),
        ({"email": f"{'a' * 250}@x.org", "password": STRONG}, "email"),
        ({"email": None, "password": STRONG}, "email"),
        ({"email": ["a@x.org"], "password": STRONG}, "email"),
        ({"email": "taken@x.org", "password": STRONG}, "email"),
        ({"email": "a@x.org"}, "password"),
        ({"email": "a@x.org", "password": "x" * 129}, "password"),
        ({"email": "a@x.org", "password": "nul\x00 and more"}, "password"),
        ({"email": "a@x.org", "password": "half \ud800 a pair"}, "password"),
        ({"email": "a@x.org", "password": STRONG, "display_name": "n" * 81}, "display_name"),
        ({"email": "a@x.org", "password": STRONG, "display_name": "nul\x00"}, "display_name"),
    ],
)
def test_an_invalid_registration_names_the_field_and_adds_nobody(api_client, data, field):
    make_user("taken@x.org")

    response = post(api_client, "register", data)

    assert response.status_code == 400
    assert response.json()["error"]["code"] == "validation_error"
    assert list(response.json()["error"]["fields"]) == [field]
    assert User.objects.count() == 1


@pytest.mark.parametrize("body", ["[]", '"text"', "null", "17"])
def test_a_body_that_is_no_object_is_refused(api_client, body):
    response = api_client.post("/api/auth/register/", body, content_type="application/json")

    assert response.status_code == 400


def test_nobody_registers_as_staff(api_client):
    body = {"email": "a@x.org", "password": STRONG, "is_staff": True, "is_superuser": True}
    response = post(api_client, "register", body)

    assert response.status_code == 400
    assert set(response.json()["error"]["fields"]) == {"is_staff", "is_superuser"}
    assert not User.objects.exists()


def test_the_oauth2_form_and_both_json_names_sign_in(api_client):
    make_user("ada@x.org")

    answers = [
        form(api_client, {"grant_type": "password", "username": "ada@x.org", "password": PASSWORD}),
        post(api_client, "token", {"email": "ADA@x.org", "password": PASSWORD}),
        post(api_client, "token", {"username": "ada@x.org", "password": PASSWORD}),
    ]

    for answer in answers:
        body = answer.json()
        assert answer.status_code == 200
        assert set(body) == {"access_token", "refresh_token", "token_type", "expires_in", "access", "refresh"}
        assert body["token_type"] == "Bearer"
        assert body["expires_in"] == AccessToken.lifetime.total_seconds()
        assert body["access_token"] == body["access"]
        assert answer["Cache-Control"] == "no-store"


def test_a_wrong_password_and_an_unknown_address_get_one_answer(api_client):
    make_user("ada@x.org")

    wrong = post(api_client, "token", {"email": "ada@x.org", "password": "wrong"})
    unknown = post(api_client, "token", {"email": "bob@x.org", "password": "wrong"})

    assert wrong.status_code == unknown.status_code == 401
    assert wrong["WWW-Authenticate"].startswith("Bearer")
    for answer in (wrong, unknown):
        assert answer.json()["error"] | {"request_id": ""} == {
            "code": "invalid_credentials",
            "message": "Wrong e-mail address or password.",
            "fields": {},
            "request_id": "",
        }


@pytest.mark.parametrize(
    ("data", "field"),
    [
        ({"password": "x"}, "username"),
        ({"email": "a@x.org", "username": "b@x.org", "password": "x"}, "username"),
        ({"email": "a@x.org"}, "password"),
        ({"email": "a@x.org", "password": "x" * 129}, "password"),
        ({"grant_type": "client_credentials", "username": "a@x.org", "password": "x"}, "grant_type"),
    ],
)
def test_a_sign_in_that_is_not_valid_names_the_field(api_client, data, field):
    response = post(api_client, "token", data)

    assert response.status_code == 400
    assert list(response.json()["error"]["fields"]) == [field]


def test_refreshing_gives_new_tokens_once(api_client):
    make_user("ada@x.org")
    refresh = post(api_client, "token", {"email": "ada@x.org", "password": PASSWORD}).json()["refresh"]

    first = post(api_client, "refresh", {"refresh": refresh})
    again = post(api_client, "refresh", {"refresh": refresh})
    RefreshToken.objects.update(rotated_at=timezone.now() - timedelta(minutes=1))
    replay = post(api_client, "refresh", {"refresh": refresh})

    assert first.status_code == 200
    assert set(first.json()) == {"access", "refresh"}
    assert again.json() == first.json()
    assert replay.status_code == 401
    assert replay["WWW-Authenticate"].startswith("Bearer")
    assert replay.json()["error"]["code"] == "token_not_valid"


@pytest.mark.parametrize("token", ["x", "a.b.c", "é", "eyJhbGciOiJub25lIn0.e30."])
def test_a_forged_refresh_token_is_refused(api_client, token):
    assert post(api_client, "refresh", {"refresh": token}).status_code == 401


def test_a_deleted_persons_tokens_are_refused(api_client):
    user = make_user("ada@x.org")
    tokens = post(api_client, "token", {"email": "ada@x.org", "password": PASSWORD}).json()
    user.delete()

    assert post(api_client, "refresh", {"refresh": tokens["refresh"]}).status_code == 401
    api_client.credentials(HTTP_AUTHORIZATION=f"Bearer {tokens['access']}")
    assert api_client.get("/api/auth/me/").status_code == 401


def test_a_change_of_password_ends_the_tokens_given_before(api_client):
    user = make_user("ada@x.org")
    tokens = post(api_client, "token", {"email": "ada@x.org", "password": PASSWORD}).json()
    user.set_password("another long one")
    user.save()

    assert post(api_client, "refresh", {"refresh": tokens["refresh"]}).status_code == 401
    api_client.credentials(HTTP_AUTHORIZATION=f"Bearer {tokens['access']}")
    assert api_client.get("/api/auth/me/").status_code == 401


def test_a_refresh_token_opens_nothing_itself(api_client):
    make_user("ada@x.org")
    tokens = post(api_client, "token", {"email": "ada@x.org", "password": PASSWORD}).json()

    api_client.credentials(HTTP_AUTHORIZATION=f"Bearer {tokens['refresh']}")

    assert api_client.get("/api/auth/me/").status_code == 401


def test_one_changes_ones_name_and_nothing_else():
    user = make_user("ada@x.org")

    changed = client_of(user).patch("/api/auth/me/", {"display_name": "Ada"}, format="json")
    refused = client_of(user).patch(
        "/api/auth/me/", {"display_name": "Eve", "email": "b@x.org", "is_staff": True}, format="json"
    )

    user.refresh_from_db()
    assert changed.json()["display_name"] == user.display_name == "Ada"
    assert refused.status_code == 400
    assert set(refused.json()["error"]["fields"]) == {"email", "is_staff"}
    assert user.email == "ada@x.org"
    assert not user.is_staff


@pytest.mark.parametrize("switch", ["group_invitations", "personalisation"])
def test_one_turns_a_switch_and_keeps_ones_name(switch):
    user = make_user("ada@x.org", display_name="Ada")
    client = client_of(user)
    assert client.get("/api/auth/me/").json()[switch] is True

    response = client.patch("/api/auth/me/", {switch: False}, format="json")

    user.refresh_from_db()
    assert response.json()[switch] is getattr(user, switch) is False
    assert user.display_name == "Ada"
    assert client.patch("/api/auth/me/", {"display_name": "Countess"}, format="json").json()[switch] is False


@pytest.mark.parametrize("value", [None, "perhaps", [], {}, 7])
@pytest.mark.parametrize("switch", ["group_invitations", "personalisation"])
def test_what_is_neither_yes_nor_no_changes_nothing(value, switch):
    user = make_user("ada@x.org")

    response = client_of(user).patch("/api/auth/me/", {switch: value, "display_name": "A"}, format="json")

    user.refresh_from_db()
    assert response.status_code == 400
    assert list(response.json()["error"]["fields"]) == [switch]
    assert (getattr(user, switch), user.display_name) == (True, "")


def test_oneself_needs_a_token(api_client):
    response = api_client.get("/api/auth/me/")

    assert response.status_code == 401
    assert response["WWW-Authenticate"].startswith("Bearer")
    assert response.json()["error"]["code"] == "not_authenticated"
