"""The demo's people keep their passwords from run to run."""

import pytest

from accounts.models import User
from recsys_project.demo.people import ADMIN, VIEWERS, ensure_people

pytestmark = pytest.mark.django_db


def test_an_admin_and_two_viewers_are_made_once_with_the_passwords_that_are_printed(tmp_path):
    file = tmp_path / "demo-credentials.json"

    first = ensure_people(file)
    second = ensure_people(file)

    assert first == second
    assert User.objects.count() == 1 + len(VIEWERS) == 3
    assert all(User.objects.get(email=email).check_password(password) for email, password in first.items())
    assert list(User.objects.filter(is_staff=True).values_list("email", flat=True)) == [ADMIN]
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_lost_file_gives_new_passwords_that_work(tmp_path):
    file = tmp_path / "demo-credentials.json"
    first = ensure_people(file)
    file.unlink()

    second = ensure_people(file)

    assert second[ADMIN] != first[ADMIN]
    assert User.objects.get(email=ADMIN).check_password(second[ADMIN])
    assert not User.objects.get(email=ADMIN).check_password(first[ADMIN])
