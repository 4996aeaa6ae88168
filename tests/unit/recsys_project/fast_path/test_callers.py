"""What a process remembers of callers stays bounded, and the newest stay."""

import pytest

from accounts.models import User
from accounts.tokens import AccessToken
from recsys_project.fast_path import callers
from recsys_project.fast_path.callers import Callers


def authorization(user_id: int) -> bytes:
    return f"Bearer {AccessToken.for_user(User(pk=user_id))}".encode()


@pytest.fixture
def two(monkeypatch: pytest.MonkeyPatch) -> Callers:
    """Callers that remember two people."""
    monkeypatch.setattr(callers, "MAX_REMEMBERED", 2)
    return Callers("stamp")


def test_the_oldest_caller_is_forgotten_for_a_new_one(two):
    first, second, third = (authorization(user_id) for user_id in (1, 2, 3))
    remembered = [two.person(sent) for sent in (first, second, third)]

    assert set(two._people) == {second, third}
    assert two.person(third) is remembered[2]


def test_a_forgotten_caller_is_verified_again(two):
    sent = [authorization(user_id) for user_id in (1, 2, 3)]
    for one in sent:
        two.person(one)

    again = two.person(sent[0])

    assert again is not None
    assert again.user_id == 1
    assert set(two._people) == {sent[2], sent[0]}
