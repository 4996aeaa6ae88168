"""Recording events: validated, once each, with the rating that follows from them."""

import uuid
from datetime import UTC, datetime, timedelta

import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone

from events import services
from events.models import Interaction, Rating
from movies.models import Movie
from tests.tokens import user_token


def record(cast, title="Heat", kind="rating", value=4.0, **fields):
    return services.interaction_record(
        user=fields.pop("user", cast.bob), movie_id=cast[title].pk, kind=kind, value=value, **fields
    )


def test_a_rating_event_stores_the_event_and_the_rating(cast):
    when = datetime(2024, 5, 1, tzinfo=UTC)
    event, created = record(cast, value=4.5, occurred_at=when)

    assert created
    assert Interaction.objects.get() == event
    rating = Rating.objects.get()
    assert (rating.user, rating.movie, rating.value, rating.rated_at) == (cast.bob, cast["Heat"], 4.5, when)


@pytest.mark.parametrize("kind", ["like", "dislike", "view", "watch", "hide"])
def test_other_kinds_store_no_rating(cast, kind):
    record(cast, kind=kind, value=None)

    assert Interaction.objects.get().kind == kind
    assert not Rating.objects.exists()


def test_a_newer_rating_replaces_an_older_one_never_the_reverse(cast):
    now = timezone.now()
    record(cast, value=3.0, occurred_at=now - timedelta(days=1))
    record(cast, value=5.0, occurred_at=now)
    record(cast, value=1.0, occurred_at=now - timedelta(days=2))

    rating = Rating.objects.get()
    assert (rating.value, rating.rated_at) == (5.0, now)
    assert Interaction.objects.count() == 3


def test_a_repeated_event_is_stored_once_and_keeps_the_rating(cast):
    event_id = uuid.uuid4()
    first, _ = record(cast, value=2.0, event_id=event_id)
    record(cast, value=5.0)
    again, created = record(cast, value=2.0, event_id=event_id)

    assert (again, created) == (first, False)
    assert Interaction.objects.count() == 2
    assert Rating.objects.get().value == 5.0


def test_a_repeated_event_changes_the_persons_cache_token(cast, django_capture_on_commit_callbacks):
    event_id = uuid.uuid4()
    record(cast, event_id=event_id)
    before = user_token(cast.bob.pk)

    with django_capture_on_commit_callbacks(execute=True):
        record(cast, event_id=event_id)

    assert user_token(cast.bob.pk) != before


@pytest.mark.parametrize(
    "other",
    [{"value": 3.0}, {"title": "Casino"}, {"kind": "like", "value": None}, {"recommendation_id": uuid.uuid4()}],
)
def test_the_same_event_id_with_other_content_is_a_conflict(cast, other):
    event_id = uuid.uuid4()
    record(cast, event_id=event_id)

    with pytest.raises(services.EventConflictError):
        record(cast, event_id=event_id, **other)

    assert Interaction.objects.get().value == 4.0
    assert Rating.objects.get().value == 4.0


def test_an_event_id_belongs_to_its_person(cast):
    event_id = uuid.uuid4()
    record(cast, event_id=event_id)
    _, created = record(cast, event_id=event_id, user=cast.carol, value=1.0)

    assert created
    assert {rating.value for rating in Rating.objects.all()} == {1.0, 4.0}


@pytest.mark.parametrize(
    ("field", "fields"),
    [
        ("value", {"value": None}),
        ("value", {"value": 0.0}),
        ("value", {"value": 5.5}),
        ("value", {"value": 3.3}),
        ("value", {"value": float("nan")}),
        ("value", {"value": float("inf")}),
        ("value", {"kind": "like", "value": 3.0}),
        ("kind", {"kind": "adore", "value": None}),
        ("occurred_at", {"occurred_at": timezone.now() + timedelta(hours=1)}),
        ("occurred_at", {"occurred_at": datetime(1989, 12, 31, tzinfo=UTC)}),
    ],
)
def test_nonsense_is_refused_by_field_and_stores_nothing(cast, field, fields):
    with pytest.raises(ValidationError) as refused:
        record(cast, **fields)

    assert list(refused.value.message_dict) == [field]
    assert not Interaction.objects.exists()
    assert not Rating.objects.exists()


@pytest.mark.parametrize("status", [Movie.Status.HIDDEN, Movie.Status.DRAFT, None])
def test_a_movie_that_is_not_published_takes_no_events(cast, status):
    if status is None:
        Movie.objects.filter(title="Heat").delete()
    else:
        Movie.objects.filter(title="Heat").update(status=status)

    with pytest.raises(ValidationError) as refused:
        record(cast)

    assert list(refused.value.message_dict) == ["movie"]
    assert not Interaction.objects.exists()


def test_a_time_without_a_zone_is_utc(cast):
    event, _ = record(cast, occurred_at=datetime(2024, 5, 1, 12))

    event.refresh_from_db()
    assert event.occurred_at == datetime(2024, 5, 1, 12, tzinfo=UTC)


def test_a_commit_changes_only_that_persons_cache_token(cast, django_capture_on_commit_callbacks):
    mine, other = user_token(cast.bob.pk), user_token(cast.carol.pk)
    with django_capture_on_commit_callbacks(execute=True):
        record(cast)
        assert user_token(cast.bob.pk) == mine

    assert user_token(cast.bob.pk) != mine
    assert user_token(cast.carol.pk) == other


def test_a_stored_event_is_never_rewritten(cast):
    event, _ = record(cast)
    event.value = 1.0

    with pytest.raises(TypeError):
        event.save()

    assert Interaction.objects.get().value == 4.0
