"""Lists that were shown and events that followed, as their writers store them."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

from django.utils import timezone

from accounts.models import User
from events.models import Interaction, ListImpression, RecommendationOutcome, RecommendationStatistic
from events.models import ServedRecommendation as Served
from movies.models import Movie

BATCH, REALTIME, POPULAR, NEW = range(4)


def ago(**span: float) -> datetime:
    return timezone.now() - timedelta(**span)


def hour_of(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def show(user: User | None, movies: Sequence[Movie], at: datetime, *, start: int = 0, count: int = 0, **fields) -> UUID:
    """Logs a list of these movies, and that it was shown; the id of the list. count: 0 shows all from ``start`` on."""
    fields = {"endpoint": "recommendations", "sources": [BATCH] * len(movies), **fields}
    served = Served.objects.create(
        user=user,
        movie_ids=[movie.pk for movie in movies],
        scores=[1.0] * len(movies),
        served_at=at,
        **fields,
    )
    show_again(served.pk, user, at, start=start, count=count or len(movies) - start)
    return served.pk


def show_again(list_id: UUID, user: User | None, at: datetime, *, start: int = 0, count: int = 3) -> None:
    ListImpression.objects.create(recommendation_id=list_id, user=user, shown_at=at, start=start, count=count)


def act(user: User, movie: Movie, kind: str, at: datetime, **fields) -> Interaction:
    """An event, received when it occurred unless given otherwise."""
    return Interaction.objects.create(
        user=user, movie=movie, kind=kind, occurred_at=at, received_at=fields.pop("received_at", at), **fields
    )


def outcome_of(event: Interaction) -> RecommendationOutcome | None:
    return RecommendationOutcome.objects.filter(pk=event.pk).first()


def statistic(starts_at: datetime, dimension: str = "total", value: str = "", period: str = "hour", **fields):
    """The row, or None."""
    return RecommendationStatistic.objects.filter(
        period=period, starts_at=starts_at, dimension=dimension, value=value, **fields
    ).first()
