"""Registering, signing in and renewing tokens, below HTTP."""

from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone

from accounts import services, signins
from accounts.models import RefreshToken, User
from accounts.tokens import RefreshToken as SignedRefreshToken
from tests.factories import PASSWORD, make_imported_user, make_user

pytestmark = pytest.mark.django_db


def test_registering_lowers_the_address_and_hashes_the_password():
    user = services.user_register(email="Ada@Example.ORG", password="a long enough one")

    user = User.objects.get(pk=user.pk)
    assert user.email == "ada@example.org"
    assert user.check_password("a long enough one")
    assert not user.is_staff
    assert not user.is_superuser


def test_an_address_registers_once_whatever_its_capitals():
    make_user("ada@example.org")

    with pytest.raises(ValidationError) as refusal:
        services.user_register(email="ADA@example.org", password="a long enough one")

    assert set(refusal.value.message_dict) == {"email"}
    assert User.objects.count() == 1


@pytest.mark.parametrize(
    "address", [f"x@{'.'.join(['İ' * 30] * 7)}.com", "İx@example.org"], ids=["long", "two letters"]
)
def test_an_address_is_checked_as_it_is_stored(address):
    # In lower case this letter is two, an i and a dot above it.
    assert len(address) < 254 < len(address.lower()) or "i\u0307" in address.lower()

    with pytest.raises(ValidationError) as refusal:
        services.user_register(email=address, password="a long enough one")

    assert set(refusal.value.message_dict) == {"email"}
    assert not User.objects.exists()


@pytest.mark.parametrize("password", ["short", "1234567890123", "password123", "ada.lovelace@example"])
def test_a_weak_password_is_refused_by_name_and_nobody_is_made(password):
    with pytest.raises(ValidationError) as refusal:
        services.user_register(email="ada.lovelace@example.org", password=password)

    assert set(refusal.value.message_dict) == {"password"}
    assert not User.objects.exists()


def test_signing_in_says_when_it_was():
    user = make_user("ada@example.org")

    services.user_sign_in(email="Ada@example.org", password=PASSWORD)

    user.refresh_from_db()
    assert user.last_login is not None


def test_every_failed_sign_in_gets_the_same_answer():
    make_user("ada@example.org")
    make_user("gone@example.org", is_active=False)
    make_imported_user()

    for email, password in [
        ("ada@example.org", "wrong"),
        ("nobody@example.org", PASSWORD),
        ("gone@example.org", PASSWORD),
        ("", "!"),
        ("", ""),
    ]:
        with pytest.raises(services.InvalidCredentialsError):
            services.user_sign_in(email=email, password=password)
    assert not RefreshToken.objects.exists()


def test_an_access_token_does_not_refresh():
    tokens = signins.tokens_issue(user=make_user())

    with pytest.raises(signins.InvalidRefreshTokenError):
        signins.tokens_refresh(refresh=tokens.access)


def test_deletion_deactivation_or_a_new_password_ends_refreshing():
    deleted, inactive, changed = make_user(), make_user(), make_user()
    tokens = [signins.tokens_issue(user=user).refresh for user in (deleted, inactive, changed)]

    deleted.delete()
    inactive.is_active = False
    inactive.save()
    changed.set_password("another long one")
    changed.save()

    for token in tokens:
        with pytest.raises(signins.InvalidRefreshTokenError):
            signins.tokens_refresh(refresh=token)


def test_expired_tokens_are_flushed_and_living_ones_kept():
    user = make_user()
    signins.tokens_issue(user=user)
    living = signins.tokens_issue(user=user)
    first = RefreshToken.objects.order_by("id").first()
    RefreshToken.objects.filter(pk=first.pk).update(expires_at=timezone.now() - timedelta(seconds=1))

    assert signins.tokens_flush_expired() == 1

    jti = SignedRefreshToken(living.refresh)["jti"]
    assert [row.jti.hex for row in RefreshToken.objects.all()] == [jti]
