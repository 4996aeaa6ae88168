"""Argon2 with OWASP's parameters, a bounded number at once."""

import threading

import pytest
from django.contrib.auth.hashers import Argon2PasswordHasher, check_password, make_password

from accounts import hashers, services
from accounts.deletion import user_delete
from accounts.models import User
from tests.factories import PASSWORD, client_of, make_user


@pytest.fixture(autouse=True)
def _argon2(settings):
    settings.PASSWORD_HASHERS = ["accounts.hashers.BoundedArgon2PasswordHasher"]


def test_hashes_carry_the_parameters_of_owasp():
    assert make_password("a long enough one").startswith("argon2$argon2id$v=19$m=19456,t=2,p=1$")


def test_a_hash_of_other_parameters_still_opens_and_is_renewed():
    old = Argon2PasswordHasher()
    old.memory_cost, old.parallelism = 8192, 1
    encoded = old.encode("a long enough one", "somesaltsomesalt")
    renewed = []

    assert check_password("a long enough one", encoded, setter=renewed.append)
    assert renewed == ["a long enough one"]


@pytest.mark.django_db
@pytest.mark.parametrize(("name", "value"), [("time_cost", 3), ("memory_cost", 8192)])
def test_a_changed_cost_renews_the_hash_at_sign_in(monkeypatch, name, value):
    make_user("ada@x.org")
    before = User.objects.get().password
    services.user_sign_in(email="ada@x.org", password=PASSWORD)
    assert User.objects.get().password == before
    monkeypatch.setattr(hashers.BoundedArgon2PasswordHasher, name, value)

    with pytest.raises(services.InvalidCredentialsError):
        services.user_sign_in(email="ada@x.org", password="wrong")
    assert User.objects.get().password == before
    services.user_sign_in(email="ada@x.org", password=PASSWORD)

    assert f"={value}," in User.objects.get().password
    assert User.objects.get().check_password(PASSWORD)


def test_passwords_hashed_at_once_never_exceed_the_slots(monkeypatch):
    monkeypatch.setattr(hashers, "_slots", threading.BoundedSemaphore(1))
    hasher = hashers.BoundedArgon2PasswordHasher()

    with hashers._slot(), pytest.raises(hashers.HashingBusyError):
        hasher.encode("a long enough one", "somesaltsomesalt")

    assert hasher.encode("a long enough one", "somesaltsomesalt")


def meanwhile(monkeypatch, act) -> None:
    """Makes ``act`` run between the check of a right password and its new hash, whose cost has changed."""
    monkeypatch.setattr(hashers.BoundedArgon2PasswordHasher, "time_cost", 3)
    verified = hashers.BoundedArgon2PasswordHasher.verify

    def verify(self, password: str, encoded: str) -> bool:
        right = verified(self, password, encoded)
        monkeypatch.setattr(hashers.BoundedArgon2PasswordHasher, "verify", verified)
        act()
        return right

    monkeypatch.setattr(hashers.BoundedArgon2PasswordHasher, "verify", verify)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("path", "fields", "status"),
    [
        ("/api/auth/token/", {"email": "ada@x.org", "password": PASSWORD}, 401),
        ("/api/auth/password/", {"old_password": PASSWORD, "new_password": f"{PASSWORD}!"}, 401),
        ("/api/auth/me/", {"password": PASSWORD}, 401),
    ],
)
def test_no_hash_is_renewed_for_the_deleted(monkeypatch, path, fields, status):
    ada = make_user("ada@x.org")
    client = client_of(ada)
    meanwhile(monkeypatch, lambda: user_delete(user_id=ada.pk))
    send = client.delete if path.endswith("/me/") else client.post

    answer = send(path, fields, format="json")

    assert answer.status_code == status, answer.content
    assert not User.objects.exists()


@pytest.mark.django_db
def test_the_admin_signs_in_nobody_who_is_deleted(client, monkeypatch):
    ada = User.objects.create_superuser("ada@x.org", PASSWORD)
    meanwhile(monkeypatch, lambda: user_delete(user_id=ada.pk))

    answer = client.post("/admin/login/", {"username": "ada@x.org", "password": PASSWORD})

    assert answer.status_code == 200
    assert not User.objects.exists()


@pytest.mark.django_db
def test_a_renewed_hash_never_replaces_a_new_password(monkeypatch):
    """Whoever knows the old password must not bring it back by signing in while it is changed."""
    make_user("ada@x.org")

    def change() -> None:
        ada = User.objects.get()
        ada.set_password("an entirely new one")
        ada.save(update_fields=["password"])

    meanwhile(monkeypatch, change)
    with pytest.raises(services.InvalidCredentialsError):
        services.user_sign_in(email="ada@x.org", password=PASSWORD)

    assert User.objects.get().check_password("an entirely new one")
    assert not User.objects.get().check_password(PASSWORD)


@pytest.mark.django_db
def test_two_sign_ins_at_once_may_renew_the_same_hash(monkeypatch):
    make_user("ada@x.org")
    version = User.objects.get().token_version
    meanwhile(monkeypatch, lambda: services.user_sign_in(email="ada@x.org", password=PASSWORD))

    services.user_sign_in(email="ada@x.org", password=PASSWORD)

    assert "t=3," in User.objects.get().password
    assert User.objects.get().check_password(PASSWORD)
    assert User.objects.get().token_version == version
