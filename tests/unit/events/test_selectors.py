"""What a person has seen, and what they think of what they saw last."""

from datetime import UTC, datetime, timedelta

from django.db import connection
from django.test.utils import CaptureQueriesContext

from events import selectors
from events.models import Interaction, Rating

START = datetime(2024, 1, 1, tzinfo=UTC)


def act(cast, title: str, kind: str, day: int, user=None) -> None:
    Interaction.objects.create(
        user=user or cast.bob, movie=cast[title], kind=kind, occurred_at=START + timedelta(days=day)
    )


def rate(cast, title: str, value: float, day: int) -> None:
    Rating.objects.create(user=cast.bob, movie=cast[title], value=value, rated_at=START + timedelta(days=day))


def test_seen_is_everything_but_a_view(cast):
    rate(cast, "Heat", 4, 0)
    for day, (title, kind) in enumerate(
        [("Casino", "like"), ("Babe", "dislike"), ("Alien", "watch"), ("Aliens", "hide"), ("Aladdin", "view")]
    ):
        act(cast, title, kind, day)
    act(cast, "Goodfellas", "watch", 1, user=cast.carol)

    with CaptureQueriesContext(connection) as queries:
        seen = selectors.seen_movie_ids(cast.bob.pk)

    assert seen == {cast[title].pk for title in ("Heat", "Casino", "Babe", "Alien", "Aliens")}
    assert len(queries) == 1


def test_the_newest_signals_merge_ratings_and_events(cast):
    rate(cast, "Heat", 4.5, 1)
    act(cast, "Alien", "like", 3)
    act(cast, "Babe", "view", 2)
    act(cast, "Casino", "like", 9, user=cast.carol)

    with CaptureQueriesContext(connection) as queries:
        signals = selectors.history(cast.bob.pk, 10)[0]

    assert [(signal.movie_id, signal.kind, signal.value) for signal in signals] == [
        (cast["Alien"].pk, "like", None),
        (cast["Babe"].pk, "view", None),
        (cast["Heat"].pk, "rating", 4.5),
    ]
    assert signals[2].occurred_at == START + timedelta(days=1)
    assert len(queries) == 1
    assert [signal.movie_id for signal in selectors.history(cast.bob.pk, 1)[0]] == [cast["Alien"].pk]


def test_of_several_events_the_newest_judgement_counts(cast):
    act(cast, "Heat", "like", 1)
    act(cast, "Heat", "dislike", 2)
    act(cast, "Heat", "watch", 3)
    act(cast, "Alien", "watch", 1)
    act(cast, "Alien", "view", 5)

    signals = {signal.movie_id: signal.kind for signal in selectors.history(cast.bob.pk, 10)[0]}

    assert signals == {cast["Heat"].pk: "dislike", cast["Alien"].pk: "watch"}


def test_somebody_who_did_nothing_has_no_signals(cast):
    assert selectors.history(cast.carol.pk, 10)[0] == []
    assert selectors.seen_movie_ids(cast.carol.pk) == set()
