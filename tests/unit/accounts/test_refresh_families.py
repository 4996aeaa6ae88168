"""Refresh tokens of one sign-in: each is exchanged once, a replay ends them all, a lost answer is given again."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import jwt
import pytest
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from accounts import services, signins
from accounts.models import RefreshToken, User
from tests.factories import PASSWORD, client_of, make_user

pytestmark = pytest.mark.django_db


def claims_of(token: str) -> dict:
    return jwt.decode(token, options={"verify_signature": False})


def rotated_ago(seconds: float) -> None:
    RefreshToken.objects.update(rotated_at=timezone.now() - timedelta(seconds=seconds))


def signed_in(access: str) -> bool:
    client = client_of()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {access}")
    return client.get("/api/auth/me/").status_code == 200


def refused(refresh: str) -> bool:
    try:
        signins.tokens_refresh(refresh=refresh)
    except signins.InvalidRefreshTokenError:
        return True
    return False


def test_a_refresh_token_becomes_another_of_its_family():
    first = signins.tokens_issue(user=make_user())
    second = signins.tokens_refresh(refresh=first.refresh)
    third = signins.tokens_refresh(refresh=second.refresh)

    claims = [claims_of(pair.refresh) for pair in (first, second, third)]
    assert len({one["jti"] for one in claims}) == 3
    assert len({one["family"] for one in claims}) == 1
    assert len({claims_of(pair.access)["jti"] for pair in (first, second, third)}) == 3
    assert signed_in(third.access)
    assert RefreshToken.objects.count() == 1


def test_a_lost_answer_is_given_again():
    first = signins.tokens_issue(user=make_user())
    answer = signins.tokens_refresh(refresh=first.refresh)
    stored = RefreshToken.objects.values().get()

    assert signins.tokens_refresh(refresh=first.refresh) == answer
    assert RefreshToken.objects.values().get() == stored
    assert not refused(answer.refresh)


def test_a_replay_after_the_grace_ends_the_family(settings):
    user = make_user()
    first, other = signins.tokens_issue(user=user), signins.tokens_issue(user=user)
    newest = signins.tokens_refresh(refresh=first.refresh)
    RefreshToken.objects.filter(family=claims_of(first.refresh)["family"]).update(
        rotated_at=timezone.now() - timedelta(seconds=settings.REFRESH_GRACE_SECONDS + 1)
    )

    assert refused(first.refresh)
    assert refused(newest.refresh)
    assert not signed_in(newest.access)
    assert not signed_in(first.access)
    assert RefreshToken.objects.get(family=claims_of(first.refresh)["family"]).revoked_at is not None
    assert signed_in(other.access)
    assert not refused(other.refresh)


def test_the_token_before_last_has_no_grace():
    first = signins.tokens_issue(user=make_user())
    second = signins.tokens_refresh(refresh=first.refresh)
    third = signins.tokens_refresh(refresh=second.refresh)

    assert refused(first.refresh)
    assert refused(third.refresh)


def test_a_grace_of_nothing_repeats_no_answer(settings):
    settings.REFRESH_GRACE_SECONDS = 0
    first = signins.tokens_issue(user=make_user())
    newest = signins.tokens_refresh(refresh=first.refresh)
    rotated_ago(1)

    assert refused(first.refresh)
    assert refused(newest.refresh)


def test_the_end_of_a_family_does_not_move(settings):
    first = signins.tokens_issue(user=make_user())
    end = timezone.now() + timedelta(minutes=1)
    RefreshToken.objects.update(expires_at=end.replace(microsecond=0))

    renewed = signins.tokens_refresh(refresh=first.refresh)

    assert claims_of(renewed.refresh)["exp"] == int(end.timestamp())
    assert claims_of(renewed.access)["exp"] == int(end.timestamp())
    assert renewed.expires_in <= 60
    RefreshToken.objects.update(expires_at=timezone.now())
    assert refused(renewed.refresh)


@pytest.mark.django_db(transaction=True)
def test_of_twenty_refreshes_at_once_one_exchanges():
    for _ in range(3):
        token = signins.tokens_issue(user=make_user()).refresh

        def refresh(_: int, token: str = token) -> str:
            try:
                return signins.tokens_refresh(refresh=token).refresh
            finally:
                connection.close()

        with ThreadPoolExecutor(20) as pool:
            answers = set(pool.map(refresh, range(20)))

        # Everyone holds the one newest token, and it is good.
        assert len(answers) == 1
        assert not refused(answers.pop())


@pytest.mark.django_db(transaction=True)
def test_of_twenty_replays_at_once_none_gets_tokens():
    token = signins.tokens_issue(user=make_user()).refresh
    newest = signins.tokens_refresh(refresh=token)
    rotated_ago(60)

    def replay(_: int) -> bool:
        try:
            return refused(token)
        finally:
            connection.close()

    with ThreadPoolExecutor(20) as pool:
        assert all(pool.map(replay, range(20)))
    assert refused(newest.refresh)


def test_a_new_password_ends_every_token():
    user = make_user("ada@x.org")
    pair = signins.tokens_issue(user=user)
    user.set_password("another long one")
    user.save()

    assert refused(pair.refresh)
    assert not signed_in(pair.access)
    assert User.objects.get().token_version == user.token_version == 1
    assert signed_in(signins.tokens_issue(user=user).access)


def test_deactivation_ends_every_token_for_good():
    user = make_user()
    pair = signins.tokens_issue(user=user)
    user.is_active = False
    user.save(update_fields=["is_active"])
    assert not signed_in(pair.access)

    user.is_active = True
    user.save()

    assert refused(pair.refresh)
    assert not signed_in(pair.access)


def test_a_user_read_before_brings_no_ended_token_back():
    user = make_user()
    pair = signins.tokens_issue(user=user)
    signins.sign_ins_end(user=User.objects.get())

    user.display_name = "Ada"
    user.save()

    stored = User.objects.get()
    assert (stored.display_name, stored.token_version) == ("Ada", 1)
    assert not signed_in(pair.access)
    assert refused(pair.refresh)


def test_saving_a_deleted_user_does_not_bring_them_back():
    user = make_user()
    User.objects.all().delete()

    with pytest.raises(DatabaseError), transaction.atomic():
        user.save()
    assert not User.objects.exists()


def test_a_renewed_hash_ends_no_token(settings):
    make_user("ada@x.org")
    _, pair = services.user_sign_in(email="ada@x.org", password=PASSWORD)
    before = User.objects.get().password
    settings.PASSWORD_HASHERS = [
        "django.contrib.auth.hashers.PBKDF2PasswordHasher",
        "django.contrib.auth.hashers.MD5PasswordHasher",
    ]

    _, later = services.user_sign_in(email="ada@x.org", password=PASSWORD)

    assert User.objects.get().password != before
    assert User.objects.get().token_version == 0
    assert signed_in(pair.access)
    assert signed_in(later.access)
    assert not refused(pair.refresh)


def test_no_token_holds_anything_of_the_password():
    pair = signins.tokens_issue(user=make_user())

    for token in (pair.access, pair.refresh):
        assert set(claims_of(token)) == {
            *("token_type", "exp", "iat", "jti", "user_id", "token_version", "family", "aud", "iss")
        }
