"""Argon2 with OWASP's parameters, a bounded number at once."""

import threading

import pytest
from django.contrib.auth.hashers import Argon2PasswordHasher, check_password, make_password

from accounts import hashers, services
from accounts.models import User
from tests.factories import PASSWORD, make_user


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
