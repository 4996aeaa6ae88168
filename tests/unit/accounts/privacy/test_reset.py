"""Resetting a taste: all that was made of it goes, the account stays."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db import connection

from accounts.models import GroupMember, User
from events.models import Interaction, ListImpression, Rating, ServedRecommendation, Tag
from events.services import interaction_record
from recommendations.models import BatchRecommendation, StoredGroupList
from tests.factories import client_of, make_group
from tests.served import drain

pytestmark = pytest.mark.django_db(transaction=True)
LIST, RESET = "/api/recommendations/", "/api/auth/me/reset/"
TABLES = (Interaction, Rating, Tag, ServedRecommendation, ListImpression, BatchRecommendation)


def reset(user: User) -> int:
    return client_of(user).post(RESET).status_code


def titles(user: User) -> list[str]:
    return [item["movie"]["title"] for item in client_of(user).get(LIST).json()["items"]]


def busy(cast, user: User) -> str:
    """Gives the person a row in each table; the cursor to the next page of their list."""
    interaction_record(user=user, movie_id=cast["Heat"].pk, kind="rating", value=5)
    interaction_record(user=user, movie_id=cast["Babe"].pk, kind="hide")
    Tag.objects.create(user=user, movie=cast["Heat"], text="slow")
    BatchRecommendation.objects.get_or_create(user=user, version=cast.version, defaults={"movie_ids": [], "scores": []})
    return client_of(user).get(LIST, {"limit": 2}).json()["next_cursor"]


def counts(user: User) -> list[int]:
    drain()
    return [model.objects.filter(user=user).count() for model in TABLES]


def test_a_reset_deletes_what_was_made_of_the_taste(committed_cast):
    cast = committed_cast
    nothing_done = titles(cast.carol)
    cursor = busy(cast, cast.alice)
    busy(cast, cast.bob)
    group = make_group(cast.alice, cast.bob)
    client_of(cast.bob).post("/api/recommendations/group/", {"group": group}, format="json")
    others = counts(cast.bob)
    assert all(counts(cast.alice))

    assert reset(cast.alice) == reset(cast.alice) == 204

    assert not any(counts(cast.alice))
    assert counts(cast.bob) == others
    assert StoredGroupList.objects.get().movie_ids == []
    assert GroupMember.objects.count() == 2
    assert client_of(cast.alice).get(LIST, {"cursor": cursor}).status_code == 400
    assert titles(cast.alice) == nothing_done
    assert client_of(cast.alice).get(LIST).json()["user_state"] == "cold"
    assert client_of(cast.alice).get("/api/auth/me/").json()["email"] == "alice@example.org"


def test_a_reset_person_is_served_and_recorded_as_before(committed_cast):
    cast = committed_cast
    busy(cast, cast.alice)
    reset(cast.alice)

    interaction_record(user=cast.alice, movie_id=cast["Alien"].pk, kind="like")

    assert "Alien" not in titles(cast.alice)
    assert client_of(cast.alice).get(LIST).json()["user_state"] == "new"


def test_the_admins_log_keeps_no_word_of_the_ratings(committed_cast):
    cast = committed_cast
    rating = Rating.objects.create(user=cast.alice, movie=cast["Heat"], value=1)
    line = LogEntry.objects.create(
        user=cast.stan,
        content_type=ContentType.objects.get_for_model(Rating),
        object_id=str(rating.pk),
        object_repr=str(rating),
        action_flag=CHANGE,
    )

    reset(cast.alice)

    line.refresh_from_db()
    assert line.object_repr == f"rating of user {cast.alice.pk}"


def test_resets_and_events_at_once_are_safe(committed_cast):
    cast = committed_cast
    busy(cast, cast.alice)

    def call(number: int) -> int:
        try:
            if number % 2:
                return reset(cast.alice)
            movie = list(cast.movies.values())[number]
            body = {"movie": movie.pk, "kind": "rating", "value": 4}
            return client_of(cast.alice).post("/api/events/", body, format="json").status_code
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(call, range(8)))

    assert set(answers) <= {201, 204}
    kept = Interaction.objects.filter(user=cast.alice).values_list("movie_id", flat=True)
    assert set(kept) == set(Rating.objects.filter(user=cast.alice).values_list("movie_id", flat=True))
    assert not Tag.objects.exists()


def test_a_reset_needs_a_token(committed_cast):
    assert client_of().post(RESET).status_code == 401
