"""Reads of what people did."""

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from django.db.models import QuerySet, Value

from accounts.models import User
from events.models import Interaction, Rating

Kind = Interaction.Kind
# Opening a page is curiosity; after anything else the person has seen the movie, or does not want to.
NOT_SEEN_BY = frozenset({Kind.VIEW})
# Of several things done with one movie the most telling counts; they are told apart as in training.
PRECEDENCE = {Kind.RATING: 3, Kind.LIKE: 3, Kind.DISLIKE: 3, Kind.WATCH: 2, Kind.HIDE: 1, Kind.VIEW: 0}


class Signal(NamedTuple):
    """The one thing that says most about what a person thinks of a movie."""

    movie_id: int
    kind: str
    value: float | None
    occurred_at: datetime


def events_of(user: User) -> QuerySet[Interaction]:
    """The person's own events, newest first, with their movies."""
    return Interaction.objects.filter(user=user).select_related("movie").order_by("-occurred_at", "-id")


def seen_movie_ids(user_id: int) -> set[int]:
    """Movies that must not be recommended to this person: rated, watched, liked, disliked or hidden. One query."""
    rated = Rating.objects.filter(user_id=user_id).order_by().values_list("movie_id")
    acted = Interaction.objects.filter(user_id=user_id).exclude(kind__in=NOT_SEEN_BY).order_by().values_list("movie_id")
    return {movie_id for (movie_id,) in rated.union(acted)}


def newest_signals(user_id: int, limit: int) -> list[Signal]:
    """What the person thinks of the movies they had to do with last, newest first, one signal a movie. One query.

    Of several things done with one movie, the newest judgement counts (rating, like, dislike); without one, a watch
    outranks a hide, and a hide a view.
    """
    # An API rating stands in both tables, so twice the limit still gives `limit` movies unless one movie has many.
    newest = 2 * limit
    ratings = (
        Rating.objects.filter(user_id=user_id)
        .order_by("-rated_at", "-movie_id")
        .values_list("movie_id", Value(str(Kind.RATING)), "value", "rated_at")[:newest]
    )
    events = (
        Interaction.objects.filter(user_id=user_id)
        .exclude(kind=Kind.RATING)
        .order_by("-occurred_at", "-id")
        .values_list("movie_id", "kind", "value", "occurred_at")[:newest]
    )
    signals = [Signal(*row) for row in ratings.union(events, all=True)]
    return _one_a_movie(signals)[:limit]


def _one_a_movie(signals: Iterable[Signal]) -> list[Signal]:
    """The signal that counts of each movie, newest first; among equals of time the highest movie id first."""
    chosen: dict[int, Signal] = {}
    for signal in sorted(signals, key=_importance):
        chosen[signal.movie_id] = signal
    return sorted(chosen.values(), key=lambda signal: (signal.occurred_at, signal.movie_id), reverse=True)


def _importance(signal: Signal) -> tuple[int, datetime, str]:
    return PRECEDENCE[Kind(signal.kind)], signal.occurred_at, signal.kind
