"""The demo's people keep their passwords from run to run."""

import pytest

from accounts.models import User
from events.models import Interaction
from recsys_project.demo.journey import ADA
from recsys_project.demo.people import ADMIN, VIEWERS, ensure_likes, ensure_people
from tests.factories import client_of

pytestmark = pytest.mark.django_db


def test_an_admin_and_two_viewers_are_made_once(tmp_path):
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


def test_ada_likes_popular_movies_once_and_gets_reasons(cast, tmp_path):
    ensure_people(tmp_path / "demo-credentials.json")
    ada = User.objects.get(email=ADA)

    liked = ensure_likes()

    assert [movie.title for movie in liked] == ["Toy Story", "Alien", "Heat"]
    assert ensure_likes() == []
    assert set(Interaction.objects.values_list("user", "kind")) == {(ada.pk, "like")}
    assert Interaction.objects.count() == 3
    items = client_of(ada).get("/api/recommendations/", {"limit": 5}).json()["items"]
    assert "because_liked" in {item["reason"]["code"] for item in items}
    assert not {item["movie"]["id"] for item in items} & {movie.pk for movie in liked}


def test_what_ada_did_herself_is_left_as_it_is(cast, tmp_path):
    ensure_people(tmp_path / "demo-credentials.json")
    Interaction.objects.create(user=User.objects.get(email=ADA), movie=cast["Babe"], kind="dislike")

    assert ensure_likes() == []
    assert Interaction.objects.count() == 1
