"""Rows of merges, for tests."""

from datetime import UTC, datetime, timedelta

from accounts.models import User
from events.models import Interaction, Rating
from movies.merging.models import MovieMerge
from movies.merging.services import merge_request
from movies.models import Movie

START = datetime(2024, 1, 1, tzinfo=UTC)


def day(number: int) -> datetime:
    return START + timedelta(days=number)


def rated(user: User, movie: Movie, value: float, at: int) -> Rating:
    """A rating that came without an event, as an import makes it; ``at``: a number of days."""
    return Rating.objects.create(user=user, movie=movie, value=value, rated_at=day(at))


def did(user: User, movie: Movie, kind: str, at: int = 1, **fields) -> Interaction:
    return Interaction.objects.create(
        user=user, movie=movie, kind=kind, occurred_at=day(at), received_at=day(at), **fields
    )


def merge(duplicate: Movie, target: Movie, reason: str = "The same film.", user: User | None = None) -> MovieMerge:
    return merge_request(duplicate_id=duplicate.pk, target_id=target.pk, reason=reason, user=user)


def ratings_of(movie: Movie) -> dict[int, tuple[float, datetime]]:
    """What people gave the movie, by user id."""
    rows = Rating.objects.filter(movie=movie)
    return {user_id: (value, at) for user_id, value, at in rows.values_list("user_id", "value", "rated_at")}
