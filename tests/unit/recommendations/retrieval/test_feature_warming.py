"""The feature cache is filled in the background, within bounds."""

import pytest

from movies.caching.version_tokens import CATALOGUE, invalidate_catalogue, read_token
from movies.models import Movie
from recommendations.retrieval import feature_warming
from recommendations.retrieval.feature_warming import features_warm
from recommendations.retrieval.movie_features import feature_cache_for


@pytest.fixture
def features(cast):
    invalidate_catalogue()
    return feature_cache_for(read_token(CATALOGUE))


def waits():
    """A wait that does not, and the seconds that it was called with."""
    seconds = []
    return seconds.append, seconds


def test_a_list_fetches_nothing_after_warming(cast, features, django_assert_num_queries):
    movie_ids = [movie.pk for movie in cast.movies.values()]
    warmed = features_warm(features, wait=waits()[0])

    with django_assert_num_queries(0):
        collected = features.collect(movie_ids, cast.version.pk)

    assert warmed == len(movie_ids)
    assert collected.cards.keys() == set(movie_ids)
    assert collected.has_factors.all()


def test_a_hidden_movie_has_no_card_after_warming(cast, features):
    hidden = cast["Heat"]
    Movie.objects.filter(pk=hidden.pk).update(status=Movie.Status.HIDDEN)
    features_warm(features, wait=waits()[0])

    assert hidden.pk not in features.cards([movie.pk for movie in cast.movies.values()])


@pytest.mark.parametrize("limit", [0, 1])
def test_too_many_movies_are_not_fetched(features, settings, limit):
    settings.FEATURE_WARM_MOVIES = limit

    assert features_warm(features, wait=waits()[0]) == 0
    assert features._sizes() == [0]


def test_requests_get_time_between_two_fetches(cast, features, monkeypatch):
    monkeypatch.setattr(feature_warming, "MOVIES_AT_ONCE", 2)
    wait, seconds = waits()

    features_warm(features, wait=wait)

    assert seconds == [feature_warming.PAUSE_SECONDS] * -(-len(cast.movies) // 2)


def test_a_cache_that_was_replaced_is_not_filled(features, monkeypatch):
    monkeypatch.setattr(feature_warming, "MOVIES_AT_ONCE", 1)

    def replace(_seconds: float) -> None:
        invalidate_catalogue()
        feature_cache_for(read_token(CATALOGUE))

    assert features_warm(features, wait=replace) == 1


def test_warming_stops_when_the_process_ends(features):
    assert features_warm(features, ends=lambda: True) == 0
