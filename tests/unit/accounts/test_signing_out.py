"""Signing out here, everywhere, and with a new password: tokens end at once."""

import pytest
from django.test import Client

from accounts import signins
from accounts.models import RefreshToken, User
from tests.factories import PASSWORD, client_of, make_user

pytestmark = pytest.mark.django_db
NEW = "another long password"


def bearer(access: str):
    client = client_of()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {access}")
    return client


def works(pair: signins.Tokens) -> tuple[bool, bool]:
    """Whether the access token and the refresh token work."""
    access = bearer(pair.access).get("/api/auth/me/").status_code
    refresh = client_of().post("/api/auth/refresh/", {"refresh": pair.refresh}, format="json").status_code
    assert {access, refresh} <= {200, 401}
    return access == 200, refresh == 200


def test_signing_out_ends_this_sign_in_alone():
    user = make_user()
    here, there = signins.tokens_issue(user=user), signins.tokens_issue(user=user)

    response = bearer(here.access).post("/api/auth/logout/")

    assert (response.status_code, response.content) == (204, b"")
    assert works(here) == (False, False)
    assert works(there) == (True, True)
    assert bearer(here.access).post("/api/auth/logout/").status_code == 401


def test_signing_out_ends_what_the_sign_in_was_refreshed_to():
    first = signins.tokens_issue(user=make_user())
    second = signins.tokens_refresh(refresh=first.refresh)

    bearer(first.access).post("/api/auth/logout/")

    assert works(second) == works(first) == (False, False)


def test_signing_out_everywhere_spares_other_people():
    user = make_user("ada@x.org", is_staff=True)
    browser = Client()
    browser.post("/admin/login/", {"username": "ada@x.org", "password": PASSWORD})
    assert browser.get("/admin/").status_code == 200
    mine = [signins.tokens_issue(user=user) for _ in range(3)]
    other = signins.tokens_issue(user=make_user())

    assert bearer(mine[0].access).post("/api/auth/logout-everywhere/").status_code == 204

    assert [works(pair) for pair in mine] == [(False, False)] * 3
    assert works(other) == (True, True)
    assert browser.get("/admin/").status_code == 302
    user.refresh_from_db()
    assert works(signins.tokens_issue(user=user)) == (True, True)


def test_a_new_password_ends_all_tokens_and_signs_in_again():
    user = make_user("ada@x.org")
    here, there = signins.tokens_issue(user=user), signins.tokens_issue(user=user)

    response = bearer(here.access).post(
        "/api/auth/password/", {"old_password": PASSWORD, "new_password": NEW}, format="json"
    )

    assert response.status_code == 200
    assert response["Cache-Control"] == "no-store"
    assert works(here) == works(there) == (False, False)
    assert bearer(response.json()["access_token"]).get("/api/auth/me/").status_code == 200
    user = User.objects.get()
    assert user.check_password(NEW)
    assert not user.check_password(PASSWORD)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"old_password": "wrong", "new_password": NEW}, "old_password"),
        ({"old_password": PASSWORD, "new_password": "short"}, "new_password"),
        ({"old_password": PASSWORD, "new_password": "x" * 129}, "new_password"),
        ({"old_password": PASSWORD}, "new_password"),
        ({"new_password": NEW}, "old_password"),
    ],
)
def test_a_refused_new_password_changes_nothing(body, field):
    user = make_user("ada@x.org")
    pair = signins.tokens_issue(user=user)

    response = bearer(pair.access).post("/api/auth/password/", body, format="json")

    assert response.status_code == 400
    assert list(response.json()["error"]["fields"]) == [field]
    assert User.objects.get().check_password(PASSWORD)
    assert works(pair) == (True, True)


def test_guesses_of_the_old_password_count_as_sign_ins(settings):
    settings.RATELIMIT_ENABLE = True
    settings.RATE_LIMITS = settings.RATE_LIMITS | {"login_account": ["3/m"]}
    client = bearer(signins.tokens_issue(user=make_user("guessed@x.org")).access)
    guess = {"old_password": "wrong", "new_password": NEW}

    answers = [client.post("/api/auth/password/", guess, format="json").status_code for _ in range(5)]

    assert answers == [400, 400, 400, 429, 429]


@pytest.mark.parametrize("path", ["logout", "logout-everywhere", "password"])
def test_nobody_signs_somebody_else_out(path):
    pair = signins.tokens_issue(user=make_user())

    assert client_of().post(f"/api/auth/{path}/", {}, format="json").status_code == 401

    assert works(pair) == (True, True)
    assert RefreshToken.objects.get().revoked_at is None
