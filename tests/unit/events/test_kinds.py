"""Every layer means the same by a kind of event: what the table of kinds says."""

from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from django.conf import settings

from events.kinds import KIND_CHOICES, KIND_TABLE, LIKED_FROM, POSITIVE_FROM, RATING_WEIGHTS, Kind
from events.models import Interaction, Rating
from events.selectors import NOT_SEEN_BY, Signal, history, latest_per_movie, seen_movie_ids
from events.services import interaction_record
from events.training_data import movie_votes_read, training_data_read
from events.trends import MIN_PEOPLE_A_MOVIE, movie_trends
from events.weights import EventWeights
from recommendations.algorithms.feedback import FeedbackConfig, feedback_merge, rating_weights
from recommendations.algorithms.interactions import Interactions
from recommendations.algorithms.listing.session_query import signal_weights
from recommendations.api.serializers import ReasonSerializer
from recommendations.retrieval.reasons import TASTE, because_of
from tests.factories import make_movie, make_user

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
PAIRS = list(product(Kind, Kind))
# A rating that counts as a vote and as liking.
LIKED = 5.0
every_kind = pytest.mark.parametrize("kind", Kind)


def value_of(kind: Kind) -> float | None:
    return LIKED if kind is Kind.RATING else None


def weight_of(kind: Kind) -> float:
    weight = KIND_TABLE[kind].weight
    return dict(RATING_WEIGHTS)[4.0] if weight is None else weight


def record(user, movie, kind: Kind, at: datetime = NOON) -> None:
    interaction_record(user=user, movie_id=movie.pk, kind=kind.value, value=value_of(kind), occurred_at=at)


def merged(*acts: tuple[Kind, datetime]) -> Interactions:
    """What the nightly training makes of one person's acts with one movie."""
    n = len(acts)
    return feedback_merge(
        np.ones(n, np.int64),
        np.ones(n, np.int64),
        np.array([kind.code for kind, _ in acts], np.int8),
        np.array([value_of(kind) or np.nan for kind, _ in acts], np.float32),
        np.array([at.timestamp() for _, at in acts], np.int64),
    )


def latest(*acts: tuple[Kind, datetime]) -> Signal:
    """What the speed layer makes of the same."""
    newest_first = sorted(acts, key=lambda act: act[1], reverse=True)
    (signal,) = latest_per_movie(Signal(1, kind.value, value_of(kind), at) for kind, at in newest_first)
    return signal


def test_the_table_has_a_row_for_every_kind():
    assert list(KIND_TABLE) == list(Kind)
    assert Interaction._meta.get_field("kind").choices == KIND_CHOICES
    assert {row.weight is None for kind, row in KIND_TABLE.items() if kind is not Kind.RATING} == {False}


def test_every_label_begins_with_the_kind():
    assert [label.split(" (")[0] for _, label in KIND_CHOICES] == [kind.capitalize() for kind in Kind]


def test_codes_in_stored_columns_never_change():
    codes = {"rating": 0, "like": 1, "dislike": 2, "watch": 3, "hide": 4, "view": 5}
    codes |= {"click": 6, "watchlist": 7, "partial": 8}

    assert {kind.value: kind.code for kind in Kind} == codes
    assert sorted(codes.values()) == list(range(len(Kind)))


@every_kind
def test_training_reads_each_kind_by_its_code(db, kind):
    record(make_user(), make_movie(), kind)

    assert training_data_read().kinds.tolist() == [kind.code]


@every_kind
def test_a_kind_weighs_the_same_at_night_and_in_the_speed_layer(kind):
    weight = pytest.approx([weight_of(kind)])

    assert merged((kind, NOON)).weights.tolist() == weight
    assert signal_weights([kind.value], [value_of(kind)]).tolist() == weight


def test_ratings_weigh_what_the_table_says():
    ratings, weights = zip(*RATING_WEIGHTS, strict=True)

    for config in (None, FeedbackConfig()):
        assert rating_weights(np.array(ratings), config).tolist() == pytest.approx(weights)


@every_kind
def test_a_kind_is_seen_everywhere_or_nowhere(db, kind):
    person, movie = make_user(), make_movie()
    record(person, movie, kind)

    expected = {movie.pk} if KIND_TABLE[kind].seen else set()

    assert seen_movie_ids(person.pk) == expected
    assert history(person.pk, 10)[1] == expected
    assert merged((kind, NOON)).excludes.tolist() == [bool(expected)]
    assert (kind.value not in NOT_SEEN_BY) == bool(expected)


@pytest.mark.parametrize(("first", "then"), PAIRS)
def test_night_and_speed_layer_choose_the_same_of_two_kinds(first, then):
    acts = (first, NOON), (then, NOON + HOUR)
    counts = first if KIND_TABLE[first].precedence > KIND_TABLE[then].precedence else then

    chosen, entry = latest(*acts), merged(*acts)

    assert chosen.kind == counts
    assert entry.timestamps.tolist() == [int(chosen.occurred_at.timestamp())]
    assert entry.weights.tolist() == pytest.approx([weight_of(counts)])


def is_vote(first: Kind, then: Kind) -> bool:
    """Whether somebody who did these votes for the movie: by what counts, unless a newer event withdraws it."""
    acts = (first, NOON), (then, NOON + HOUR)
    counts = latest(*acts)
    withdrawn = any(KIND_TABLE[kind].withdraws and at > counts.occurred_at for kind, at in acts)
    return KIND_TABLE[Kind(counts.kind)].votes and not withdrawn


def trending() -> dict[int, int]:
    trends = movie_trends(until=NOON + 2 * HOUR, window=timedelta(days=7))
    return {trend.movie_id: trend.recent for trend in trends}


def test_trending_counts_the_kinds_that_vote(db):
    people = [make_user() for _ in range(MIN_PEOPLE_A_MOVIE)]
    movies = {kind: make_movie() for kind in Kind}
    for kind, person in product(Kind, people):
        record(person, movies[kind], kind)

    assert trending() == {movies[kind].pk: len(people) for kind in Kind if KIND_TABLE[kind].votes}


def test_trending_reads_two_events_as_the_table_says(db):
    people = [make_user() for _ in range(MIN_PEOPLE_A_MOVIE)]
    movies = {pair: make_movie() for pair in PAIRS}
    for (first, then), person in product(PAIRS, people):
        record(person, movies[first, then], first)
        record(person, movies[first, then], then, NOON + HOUR)

    counted = trending()

    found = {pair: counted.get(movie.pk, 0) for pair, movie in movies.items()}
    assert found == {pair: len(people) if is_vote(*pair) else 0 for pair in PAIRS}


def test_a_rating_votes_from_the_positive_threshold_on(db):
    people = [make_user() for _ in range(MIN_PEOPLE_A_MOVIE)]
    enough, below = make_movie(), make_movie()
    for person in people:
        Rating.objects.create(user=person, movie=enough, value=POSITIVE_FROM, rated_at=NOON)
        Rating.objects.create(user=person, movie=below, value=POSITIVE_FROM - 0.5, rated_at=NOON)

    assert trending() == {enough.pk: len(people)}


@every_kind
def test_a_kind_is_the_same_rating_in_averages_and_popularity(db, kind):
    movie = make_movie()
    record(make_user(), movie, kind)
    expected = value_of(kind) or KIND_TABLE[kind].as_rating

    votes = movie_votes_read(now=NOON, half_life_days=10, floor=0.2, as_ratings=EventWeights().as_ratings())

    assert votes.movie_ids.tolist() == ([] if expected is None else [movie.pk])
    assert votes.totals.tolist() == ([] if expected is None else pytest.approx([expected]))
    assert merged((kind, NOON)).ratings.tolist() == pytest.approx([expected or np.nan], nan_ok=True)


@every_kind
def test_a_kind_gives_a_reason_only_if_it_speaks_for_the_movie(kind):
    row = KIND_TABLE[kind]

    reason = because_of(Signal(7, kind.value, value_of(kind), NOON), "Heat")

    assert (row.reason is not None) == (weight_of(kind) > 0)
    if row.reason is None:
        assert reason == TASTE
    else:
        assert reason == {"code": row.reason.code, "text": row.reason.text.format("Heat"), "movie_id": 7}


def test_the_api_documents_the_reason_of_each_kind():
    page = (Path(settings.BASE_DIR) / "docs/api.md").read_text()
    codes = {row.reason.code for row in KIND_TABLE.values() if row.reason is not None}

    assert codes
    assert codes <= ReasonSerializer().fields["code"].choices.keys()
    assert [code for code in codes if f"`{code}`" not in page] == []


def test_a_rating_is_a_reason_from_its_own_threshold_on():
    assert because_of(Signal(7, Kind.RATING.value, LIKED_FROM, NOON), "Heat")["code"] == "because_liked"
    assert because_of(Signal(7, Kind.RATING.value, LIKED_FROM - 0.5, NOON), "Heat") == TASTE


@every_kind
def test_the_api_page_documents_each_kind(kind):
    lines = (Path(settings.BASE_DIR) / "docs/api.md").read_text().splitlines()
    row = KIND_TABLE[kind]
    (cells,) = [line.split("|")[1:-1] for line in lines if line.startswith(f"| `{kind}`")]
    _, weight, as_rating, seen, trending = (cell.strip() for cell in cells)

    assert row.weight is None or float(weight) == row.weight
    assert kind is Kind.RATING or as_rating == ("no" if row.as_rating is None else str(row.as_rating))
    assert seen == ("yes" if row.seen else "no")
    assert trending.split(" from ")[0] == ("a vote" if row.votes else "withdraws a vote" if row.withdraws else "no")
