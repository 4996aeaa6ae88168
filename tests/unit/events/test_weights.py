"""The table of what each kind of event weighs: its defaults, and what its half-lives do in each layer."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from events.kinds import Kind
from events.models import Interaction
from events.services import interaction_record
from events.training_data import movie_votes_read
from events.trends import movie_trends, newest_window_end
from events.weights import DEFAULT_WEIGHTS, EventWeights, KindWeights
from recommendations.algorithms.configs import config_from_json
from recommendations.algorithms.feedback import FeedbackConfig, feedback_merge
from recommendations.algorithms.listing.session_query import signal_age_factors, signal_weights
from recommendations.algorithms.pipeline.serving_tasks import kinds_of
from tests.factories import make_movie, make_user

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
DAY = 86_400
# Lists of earlier releases were made with these: batch, speed, popularity, trending.
SHIPPED = {
    "rating": (None, None, None, 1),
    "like": (1.0, 1.0, 4.5, 1),
    "dislike": (-1.0, -1.0, 1.5, 0),
    "view": (0.2, 0.2, None, 0),
    "watch": (0.7, 0.7, 3.5, 1),
    "hide": (-0.5, -0.5, None, 0),
    "click": (0.2, 0.2, None, 0),
    "watchlist": (0.5, 0.5, None, 0),
    "partial": (0.4, 0.4, None, 0),
}


def weights(**rows: dict) -> EventWeights:
    changed = {
        kind: KindWeights(**{name: getattr(DEFAULT_WEIGHTS[Kind(kind)], name) for name in KindWeights.__slots__} | row)
        for kind, row in rows.items()
    }
    return EventWeights(**changed)


def merged(config: FeedbackConfig, *acts: tuple[Kind, int]):
    """One person's acts with a movie each: kinds, and days before the newest."""
    n = len(acts)
    return feedback_merge(
        np.ones(n, np.int64),
        np.arange(n),
        np.array([kind.code for kind, _ in acts], np.int8),
        np.full(n, np.nan, np.float32),
        np.array([10**9 - DAY * days for _, days in acts], np.int64),
        config=config,
    )


def test_the_defaults_are_what_lists_were_made_with():
    rows = {kind.value: row for kind, row in EventWeights().rows()}
    shown = {name: (row.batch, row.speed, row.popularity, row.trending) for name, row in rows.items()}

    assert shown == SHIPPED
    assert not EventWeights().decays()


def test_each_layer_reads_its_own_weight():
    table = weights(view={"batch": 0.1, "speed": 0.3})

    assert merged(FeedbackConfig(weights=table), (Kind.VIEW, 0)).weights.tolist() == pytest.approx([0.1])
    assert signal_weights(["view"], [None], weights=table).tolist() == pytest.approx([0.3])


def test_only_kinds_with_a_half_life_fade_down_to_a_tenth():
    config = FeedbackConfig(weights=weights(view={"half_life_days": 30}))
    found = merged(config, (Kind.LIKE, 0), (Kind.VIEW, 30), (Kind.VIEW, 3000), (Kind.LIKE, 3000))

    assert found.weights.tolist() == pytest.approx([1, 0.1, 0.02, 1])


def test_a_half_life_of_the_table_replaces_the_tuned_one():
    config = FeedbackConfig(age_half_life_days=10, weights=weights(like={"half_life_days": 20}))
    found = merged(config, (Kind.LIKE, 0), (Kind.LIKE, 20), (Kind.WATCH, 20))

    assert found.weights.tolist() == pytest.approx([1, 0.5, 0.7 / 4])


def test_the_speed_layer_fades_by_age():
    table = weights(like={"half_life_days": 10})
    ages = np.array([0, 10 * DAY, 10 * DAY])

    assert signal_age_factors(["like", "like", "view"], ages, table).tolist() == pytest.approx([1, 0.5, 1])
    assert signal_age_factors(["like"], None, table).tolist() == [1]


def test_validation_keeps_the_kind_of_a_faded_event():
    faded = merged(FeedbackConfig(age_half_life_days=1), (Kind.LIKE, 0), (Kind.HIDE, 900), (Kind.WATCHLIST, 1))
    ratings_alone = feedback_merge(
        np.ones(1, np.int64),
        np.ones(1, np.int64),
        np.zeros(1, np.int8),
        np.full(1, 3, np.float32),
        np.ones(1, np.int64),
    )

    assert kinds_of(faded).tolist() == ["like", "hide", "watchlist"]
    assert kinds_of(faded.take(np.array([2]))).tolist() == ["watchlist"]
    assert kinds_of(ratings_alone).tolist() == ["rating"]


def test_popularity_reads_the_table(db):
    liked, watched = make_movie(), make_movie()
    for movie, kind in ((liked, "like"), (watched, "watch")):
        interaction_record(user=make_user(), movie_id=movie.pk, kind=kind, value=None, occurred_at=NOON)
    table = weights(like={"popularity": 5.0, "half_life_days": 1}, watch={"popularity": None})

    votes = movie_votes_read(
        now=NOON + timedelta(days=1),
        half_life_days=1e9,
        floor=0.1,
        as_ratings=table.as_ratings(),
        half_lives=table.half_lives(),
    )

    assert votes.movie_ids.tolist() == [liked.pk]
    assert votes.counts.tolist() == pytest.approx([0.5])
    assert votes.totals.tolist() == pytest.approx([2.5])


def test_very_old_votes_do_not_fail(db):
    movie = make_movie()
    interaction_record(user=make_user(), movie_id=movie.pk, kind="like", value=None, occurred_at=NOON)
    table = weights(like={"half_life_days": 0.01})
    now = NOON + timedelta(days=3650)
    votes = movie_votes_read(
        now=now, half_life_days=1e9, floor=0.1, as_ratings=table.as_ratings(), half_lives=table.half_lives()
    )

    assert votes.counts.tolist() == pytest.approx([0.1], rel=1e-3)


def test_trending_reads_the_table(db):
    people = [make_user(), make_user()]
    liked, watched = make_movie(), make_movie()
    for person in people:
        interaction_record(user=person, movie_id=liked.pk, kind="like", value=None, occurred_at=NOON)
        interaction_record(user=person, movie_id=watched.pk, kind="watch", value=None, occurred_at=NOON)
    until, window = NOON + timedelta(days=1), timedelta(days=7)

    def counted(table: EventWeights | None = None) -> dict[int, float]:
        return {trend.movie_id: trend.recent for trend in movie_trends(until=until, window=window, weights=table)}

    assert counted() == {liked.pk: 2, watched.pk: 2}
    assert counted(weights(watch={"trending": 0.5})) == {liked.pk: 2, watched.pk: 1}
    assert counted(weights(watch={"trending": 0}, like={"half_life_days": 1})) == {liked.pk: pytest.approx(1)}
    silent = weights(rating={"trending": 0}, watch={"trending": 0}, like={"trending": 0})
    assert counted(silent) == {}
    assert newest_window_end(now=until, window=window, votes=1, people=1, weights=silent) is None
    assert Interaction.objects.count() == 4


def test_a_stored_table_reads_back_the_same():
    config = FeedbackConfig(weights=weights(view={"batch": 0.1, "half_life_days": 30}))
    stored = {"weights": {"view": {**SHIPPED_VIEW, "batch": 0.1, "half_life_days": 30}}}

    assert config_from_json(FeedbackConfig, stored) == config


SHIPPED_VIEW = {"batch": 0.2, "speed": 0.2, "popularity": None, "trending": 0}
