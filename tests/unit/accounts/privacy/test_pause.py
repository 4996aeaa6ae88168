"""Pausing personalisation: nothing is recorded, and lists are everybody's."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection, transaction

from accounts.models import User
from accounts.privacy.pausing import user_lock_to_record
from accounts.services import user_update
from events.models import Interaction, Rating
from events.services import interaction_record
from recommendations.models import StoredGroupList
from tests.factories import client_of, make_group
from tests.served import served_lists

LIST, EVENTS, ME = "/api/recommendations/", "/api/events/", "/api/auth/me/"
GROUP = "/api/recommendations/group/"


def pause(user: User, *, ended: bool = False) -> None:
    answer = client_of(user).patch(ME, {"personalisation": ended}, format="json")
    assert answer.json()["personalisation"] is ended


def like(user: User, *movies) -> None:
    for movie in movies:
        interaction_record(user=user, movie_id=movie.pk, kind="like")


def titles(user: User | None, **query) -> list[str]:
    answer = client_of(user).get(LIST, query)
    assert answer.status_code == 200, answer.content
    return [item["movie"]["title"] for item in answer.json()["items"]]


@pytest.mark.django_db
@pytest.mark.parametrize("event", [{"kind": "like"}, {"kind": "rating", "value": 4}, {"kind": "view"}])
def test_an_event_in_a_pause_is_refused(cast, event):
    pause(cast.alice)

    answer = client_of(cast.alice).post(EVENTS, {"movie": cast["Heat"].pk, **event}, format="json")

    assert answer.status_code == 409
    assert answer.json()["error"]["code"] == "personalisation_paused"
    assert not Interaction.objects.exists()
    assert not Rating.objects.exists()


@pytest.mark.django_db
@pytest.mark.parametrize("query", [{}, {"genre": "crime"}, {"year_to": 1990}, {"limit": 3}, {"explain": "true"}])
def test_a_list_in_a_pause_is_a_guests_and_not_logged(cast, query):
    like(cast.alice, cast["Babe"], cast["Aladdin"])
    given = {name: value for name, value in query.items() if name != "explain"}
    guest = client_of().post("/api/recommendations/session/", given, format="json").json()["items"]
    pause(cast.alice)

    assert titles(cast.alice, **query) == [item["movie"]["title"] for item in guest]
    assert not served_lists().filter(user=cast.alice).exists()


@pytest.mark.django_db
def test_an_order_in_a_pause_is_a_guests_and_not_logged(cast):
    def order(user: User) -> list:
        movies = {"movie_ids": [cast[title].pk for title in ("Heat", "Babe", "Alien", "Aladdin")]}
        answer = client_of(user).post("/api/rank/", movies, format="json")
        assert answer.status_code == 200, answer.content
        return answer.json()["items"]

    new = order(cast.bob)
    served_lists().delete()
    like(cast.alice, cast["Babe"], cast["Aladdin"])
    pause(cast.alice)

    assert order(cast.alice) == new
    assert not served_lists().exists()
    pause(cast.alice, ended=True)
    assert order(cast.alice) != new
    assert served_lists().get().user == cast.alice


@pytest.mark.django_db
def test_pages_in_a_pause_go_on(cast):
    like(cast.alice, cast["Alien"])
    pause(cast.alice)
    first = client_of(cast.alice).get(LIST, {"limit": 2}).json()

    second = titles(cast.alice, limit=7, cursor=first["next_cursor"])

    shown = [item["movie"]["title"] for item in first["items"]]
    assert shown + second == titles(cast.alice, limit=9)
    assert first["user_state"] == "cold"


@pytest.mark.django_db(transaction=True)
def test_a_personal_list_has_no_next_page_after_a_pause(committed_cast):
    cast = committed_cast
    cursor = client_of(cast.alice).get(LIST, {"limit": 2}).json()["next_cursor"]

    pause(cast.alice)

    assert client_of(cast.alice).get(LIST, {"limit": 2, "cursor": cursor}).status_code == 400


@pytest.mark.django_db
def test_the_page_of_a_movie_predicts_nothing_in_a_pause(cast):
    answer = client_of(cast.alice).get(f"/api/movies/{cast['Heat'].pk}/")
    pause(cast.alice)
    paused = client_of(cast.alice).get(f"/api/movies/{cast['Heat'].pk}/")

    assert answer.status_code == paused.status_code == 200
    assert paused.json()["predicted_rating"] is None


def group_titles(user: User, group: str) -> list[str]:
    answer = client_of(user).post(GROUP, {"group": group}, format="json")
    assert answer.status_code == 200, answer.content
    return [item["movie"]["title"] for item in answer.json()["items"]]


@pytest.mark.django_db
def test_a_pause_withdraws_group_lists_and_logs_none(cast):
    group = make_group(cast.alice, cast.bob)
    group_titles(cast.bob, group)

    pause(cast.alice)

    assert StoredGroupList.objects.get().movie_ids == []
    assert group_titles(cast.alice, group)
    assert [row.user for row in served_lists()] == [cast.bob]


@pytest.mark.django_db
def test_pausing_and_resetting_get_no_other_list_of_the_day(cast):
    """Otherwise a member could compare lists, after changing what they did."""
    group = make_group(cast.alice, cast.bob)
    popular = group_titles(cast.alice, make_group(cast.alice, cast.carol))
    like(cast.bob, cast["Blade Runner"], cast["Aliens"])
    personal = group_titles(cast.bob, group)
    computed_at = StoredGroupList.objects.get(group_id=group).computed_at

    for turn in ("Aladdin", "Casino"):
        pause(cast.alice)
        pause(cast.alice, ended=True)
        assert client_of(cast.alice).post("/api/auth/me/reset/").status_code == 204
        interaction_record(user=cast.alice, movie_id=cast[turn].pk, kind="view")
        assert group_titles(cast.alice, group) == popular

    assert popular != personal
    assert StoredGroupList.objects.get(group_id=group).computed_at == computed_at


@pytest.mark.django_db(transaction=True)
def test_after_a_pause_everything_is_as_before(committed_cast):
    cast = committed_cast
    like(cast.alice, cast["Heat"])
    before = titles(cast.alice)
    pause(cast.alice)
    assert titles(cast.alice) != before

    pause(cast.alice, ended=True)

    assert titles(cast.alice) == before
    like(cast.alice, cast["Casino"])
    assert Interaction.objects.count() == 2


@pytest.mark.django_db(transaction=True)
def test_a_pause_waits_for_an_event_in_progress(committed_cast):
    alice = committed_cast.alice

    def run() -> bool:
        try:
            return user_update(user=alice, personalisation=False).personalisation
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            user_lock_to_record(user_id=alice.pk)
            pausing = pool.submit(run)
            with pytest.raises(TimeoutError):
                pausing.result(timeout=0.5)
        assert pausing.result(timeout=30) is False
