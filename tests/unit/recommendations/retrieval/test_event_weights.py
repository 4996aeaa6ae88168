"""The setting EVENT_WEIGHTS: what it accepts, and that lists follow it."""

from datetime import timedelta

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.utils import timezone

from events.list_invalidation import invalidate_user
from events.services import interaction_record
from events.weights import EventWeights
from recommendations.retrieval.event_weights import check_event_weights, event_weights
from recsys_project.settings.environment import env
from tests.factories import client_of

URL = "/api/recommendations/"
TODAY = {
    "rating": {"trending": 1},
    "like": {"batch": 1, "speed": 1.0, "popularity": 4.5, "trending": 1, "half_life_days": None},
    "view": {"batch": 0.2, "speed": 0.2},
    "hide": {"batch": -0.5, "speed": -0.5, "trending": 0},
}
WRONG = [
    ({"vieww": {}}, "EVENT_WEIGHTS has no kind 'vieww'; it has rating, like, "),
    ({"view": {"weight": 1}}, "EVENT_WEIGHTS.view has no 'weight'; it has batch, half_life_days, popularity, "),
    ({"view": {"batch": "x"}}, "EVENT_WEIGHTS.view.batch must be a number, not 'x'."),
    ({"view": {"batch": 2}}, "EVENT_WEIGHTS.view.batch must be a number from 0 to 1, not 2.0."),
    ({"hide": {"speed": 0.5}}, "EVENT_WEIGHTS.hide.speed must be a number from -1 to 0, not 0.5."),
    ({"rating": {"batch": 1}}, "EVENT_WEIGHTS.rating.batch must be null: the rating decides."),
    ({"rating": {"popularity": 4}}, "EVENT_WEIGHTS.rating.popularity must be null: it is a rating."),
    ({"like": {"popularity": 6}}, "EVENT_WEIGHTS.like.popularity must be from 0.5 to 5 or null, not 6.0."),
    (
        {"view": {"trending": 1}},
        "EVENT_WEIGHTS.view.trending must be 0: trending reads no events of this kind, not 1.0.",
    ),
    ({"like": {"trending": 2}}, "EVENT_WEIGHTS.like.trending must be from 0 to 1, not 2.0."),
    ({"like": {"half_life_days": 0}}, "EVENT_WEIGHTS.like.half_life_days must be null, or above 0 and at most 36500, "),
    ({"like": 1}, "EVENT_WEIGHTS.like must be an object, not 1."),
    ([], "EVENT_WEIGHTS must be an object with a row for each kind, not []."),
]


@pytest.mark.parametrize(("given", "message"), WRONG)
def test_a_wrong_entry_is_named(settings, given, message):
    settings.EVENT_WEIGHTS = given
    (error,) = check_event_weights()

    assert error.msg.startswith(message)
    with pytest.raises(ImproperlyConfigured, match="EVENT_WEIGHTS"):
        event_weights()


def test_entries_replace_defaults_one_by_one(settings):
    settings.EVENT_WEIGHTS = {"view": {"half_life_days": 30}}

    assert check_event_weights() == []
    assert event_weights().view.half_life_days == 30
    assert event_weights().view.batch == EventWeights().view.batch
    assert event_weights().like == EventWeights().like


def test_text_that_is_no_json_is_named(monkeypatch):
    monkeypatch.setenv("EVENT_WEIGHTS", "{view}")

    with pytest.raises(ImproperlyConfigured, match="EVENT_WEIGHTS is not JSON"):
        env.json_object("EVENT_WEIGHTS")


def listed(cast, user) -> list[tuple]:
    invalidate_user(user.pk)
    items = client_of(user).get(URL, {"limit": 9}).json()["items"]
    return [(item["movie"]["title"], item["score"], item["reason"]["code"]) for item in items]


def test_lists_follow_the_table_and_stay_with_its_defaults(cast, settings):
    now = timezone.now()
    for title, kind, days in (("Heat", "like", 400), ("Alien", "view", 1)):
        at = now - timedelta(days=days)
        interaction_record(user=cast.bob, movie_id=cast[title].pk, kind=kind, value=None, occurred_at=at)
    before = listed(cast, cast.bob)
    settings.EVENT_WEIGHTS = TODAY
    assert listed(cast, cast.bob) == before
    settings.EVENT_WEIGHTS = {"like": {"half_life_days": 10}, "view": {"speed": 1}}
    assert listed(cast, cast.bob) != before


def test_an_explanation_shows_weight_and_age_of_each_signal(cast, settings):
    settings.EVENT_WEIGHTS = {"like": {"half_life_days": 10, "speed": 0.8}}
    at = timezone.now() - timedelta(days=10)
    interaction_record(user=cast.bob, movie_id=cast["Heat"].pk, kind="like", value=None, occurred_at=at)
    (signal,) = client_of(cast.bob).get(URL, {"explain": "true"}).json()["explanation"]["signals"]["newest"]

    assert (signal["kind"], signal["kind_weight"], signal["age_factor"]) == ("like", 0.8, 0.5)
    assert signal["weight"] == 0.4
