"""History: filtered, taken back, and what a person hid, wants to see and has begun."""

import uuid
from datetime import timedelta

import pytest
from django.utils import timezone

from events.models import Interaction, Rating
from events.selectors import seen_movie_ids
from events.services import interaction_record
from tests.factories import client_of, client_with_key, make_key
from tests.tokens import user_token

URL = "/api/events/"


def act(cast, title: str, kind: str, days_ago: float = 0, **fields) -> Interaction:
    person = fields.pop("user", cast.bob)
    at = timezone.now() - timedelta(days=days_ago)
    return interaction_record(user=person, movie_id=cast[title].pk, kind=kind, occurred_at=at, **fields)[0]


def titles(person, path: str = "", **query) -> list[str]:
    answer = client_of(person).get(URL + path, query)
    assert answer.status_code == 200, answer.content
    return [event["movie"]["title"] for event in answer.json()["items"]]


def test_history_filters_by_each_field(cast):
    act(cast, "Heat", "watch", 3)
    act(cast, "Casino", "watch", 2, progress=0.5)
    act(cast, "Babe", "click", 1, source="row:new")
    undone = act(cast, "Alien", "like", 0.5)
    client_of(cast.bob).delete(f"{URL}{undone.event_id}/")
    two_days_ago = (timezone.now() - timedelta(days=2.5)).isoformat()

    assert titles(cast.bob) == ["Alien", "Babe", "Casino", "Heat"]
    assert titles(cast.bob, kind="watch") == ["Casino", "Heat"]
    assert titles(cast.bob, movie=cast["Babe"].pk) == ["Babe"]
    assert titles(cast.bob, since=two_days_ago) == ["Alien", "Babe", "Casino"]
    assert titles(cast.bob, until=two_days_ago) == ["Heat"]
    assert titles(cast.bob, source="row:new") == ["Babe"]
    assert titles(cast.bob, state="undone") == ["Alien"]
    assert titles(cast.bob, state="active") == ["Babe", "Casino", "Heat"]


@pytest.mark.parametrize(
    ("name", "value", "hint"),
    [
        ("kind", "partial", '"partial" is none of rating, like'),
        ("state", "gone", '"gone" is none of active, undone.'),
        ("since", "soon", "such as 2026-01-31T20:15:00Z"),
        ("until", "soon", "such as 2026-01-31T20:15:00Z"),
    ],
)
def test_a_refused_filter_says_what_is_accepted(cast, name, value, hint):
    errors = client_of(cast.bob).get(URL, {name: value}).json()["error"]["fields"]

    assert list(errors) == [name]
    assert hint in errors[name][0]


@pytest.mark.parametrize("query", ["movie=0", "movie=x", "movie=1.5", "since=soon", "state=gone", "kind=partial"])
def test_a_bad_filter_is_an_error(cast, query):
    assert client_of(cast.bob).get(f"{URL}?{query}").status_code == 400


def test_an_event_is_taken_back_once_for_all(cast, django_capture_on_commit_callbacks):
    event = act(cast, "Heat", "rating", value=2.0)
    before = user_token(cast.bob.pk)
    client = client_of(cast.bob)

    with django_capture_on_commit_callbacks(execute=True):
        answers = [client.delete(f"{URL}{event.event_id}/") for _ in range(2)]

    assert [answer.status_code for answer in answers] == [204, 204]
    assert not Rating.objects.exists()
    assert user_token(cast.bob.pk) != before
    assert Interaction.objects.get().undone_at is not None


def test_nobody_takes_back_the_event_of_another(cast):
    event = act(cast, "Heat", "like")

    assert client_of(cast.carol).delete(f"{URL}{event.event_id}/").status_code == 404
    assert client_of(cast.bob).delete(f"{URL}{uuid.uuid4()}/").status_code == 404
    assert Interaction.objects.get().undone_at is None


def test_a_hidden_movie_comes_back_in_one_request(cast, django_capture_on_commit_callbacks):
    act(cast, "Heat", "hide", 2)
    act(cast, "Casino", "hide", 1)
    act(cast, "Heat", "hide", 0.5)
    act(cast, "Babe", "hide", user=cast.carol)
    assert titles(cast.bob, "hidden/") == ["Heat", "Casino"]
    before = user_token(cast.bob.pk)

    with django_capture_on_commit_callbacks(execute=True):
        answers = [client_of(cast.bob).delete(f"{URL}hidden/{cast['Heat'].pk}/") for _ in range(2)]

    assert [answer.status_code for answer in answers] == [204, 204]
    assert titles(cast.bob, "hidden/") == ["Casino"]
    assert seen_movie_ids(cast.bob.pk) == {cast["Casino"].pk}
    assert user_token(cast.bob.pk) != before
    assert Interaction.objects.filter(undo=True).count() == 1


def test_begun_movies_are_listed_until_they_are_finished(cast):
    act(cast, "Heat", "watch", 3, progress=0.2)
    act(cast, "Heat", "watch", 1, progress=0.6)
    act(cast, "Casino", "watch", 2, progress=0.5)
    act(cast, "Babe", "watch", 3, progress=0.5)
    act(cast, "Babe", "watch", 2)
    act(cast, "Alien", "watch", 3, progress=0.5)
    act(cast, "Alien", "hide", 2)
    act(cast, "Aliens", "watch", 3)
    act(cast, "Aliens", "watch", 2.5, progress=0.1)

    items = client_of(cast.bob).get(f"{URL}continue-watching/").json()["items"]

    shown = [(event["movie"]["title"], event["kind"], event["progress"]) for event in items]
    assert shown == [("Heat", "watch", 0.6), ("Casino", "watch", 0.5), ("Aliens", "watch", 0.1)]


def test_the_watchlist_is_what_was_not_taken_off(cast):
    act(cast, "Heat", "watchlist", 3)
    act(cast, "Casino", "watchlist", 2)
    act(cast, "Babe", "watchlist", 2)
    act(cast, "Casino", "watchlist", 1, undo=True)

    assert titles(cast.bob, "watchlist/") == ["Babe", "Heat"]
    assert titles(cast.carol, "watchlist/") == []


def test_a_client_reads_and_takes_back_for_its_users(cast):
    shop, other = client_with_key(make_key()), client_with_key(make_key("another shop"))
    sent = {"movie": cast["Heat"].pk, "kind": "hide", "user": "17"}
    event_id = shop.post(URL, sent, format="json").json()["event_id"]

    def hidden(client) -> int:
        return len(client.get(f"{URL}hidden/", {"user": "17"}).json()["items"])

    assert [hidden(shop), hidden(other)] == [1, 0]
    assert other.delete(f"{URL}{event_id}/?user=17").status_code == 404
    assert shop.delete(f"{URL}{event_id}/").status_code == 400
    assert shop.delete(f"{URL}{event_id}/?user=17").status_code == 204
    assert hidden(shop) == 0


def test_who_has_paused_can_unhide_a_movie(cast):
    interaction_record(user=cast.bob, movie_id=cast["Heat"].pk, kind="hide")
    cast.bob.personalisation = False
    cast.bob.save()

    answer = client_of(cast.bob).delete(f"{URL}hidden/{cast['Heat'].pk}/")

    assert answer.status_code == 204
    (event,) = Interaction.objects.filter(user=cast.bob)
    assert event.undone_at is not None
    assert titles(cast.bob, "hidden/") == []
