"""What a process remembers of movies, and when it must not."""

import numpy as np
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django_redis import get_redis_connection

from movies.caching.version_tokens import CATALOGUE, invalidate_catalogue, read_token, token_key
from movies.models import Movie
from recommendations.models import RATING_DIMENSIONS, MovieEmbedding
from recommendations.retrieval import movie_features
from recommendations.retrieval.movie_features import MovieFeatureCache, feature_cache_for
from recommendations.serving.list_cache import lookup
from tests.factories import make_movie, make_version


@pytest.fixture
def movies(db):
    return [make_movie() for _ in range(3)]


def test_a_card_is_fetched_once_under_one_token(movies, django_assert_num_queries):
    invalidate_catalogue()
    feature_cache_for(read_token(CATALOGUE)).cards([movie.pk for movie in movies])

    with django_assert_num_queries(0):
        cards = feature_cache_for(read_token(CATALOGUE)).cards([movie.pk for movie in movies])

    assert [cards[movie.pk]["title"] for movie in movies] == [movie.title for movie in movies]


def test_a_movie_hidden_under_a_new_token_has_no_card(movies):
    feature_cache_for(read_token(CATALOGUE)).cards([movie.pk for movie in movies])
    Movie.objects.filter(pk=movies[0].pk).update(status=Movie.Status.HIDDEN)
    invalidate_catalogue()

    assert feature_cache_for(read_token(CATALOGUE)).cards([movie.pk for movie in movies]).keys() == {
        movies[1].pk,
        movies[2].pk,
    }


@pytest.mark.parametrize("read", [lambda: read_token(CATALOGUE), lambda: lookup(1).catalogue_token])
def test_a_movie_hidden_before_redis_lost_its_data_has_no_card(movies, read):
    redis = get_redis_connection("default")
    redis.delete(token_key(CATALOGUE))
    feature_cache_for(read()).cards([movie.pk for movie in movies])
    Movie.objects.filter(pk=movies[0].pk).update(status=Movie.Status.HIDDEN)
    invalidate_catalogue()
    redis.delete(token_key(CATALOGUE))

    assert movies[0].pk not in feature_cache_for(read()).cards([movie.pk for movie in movies])


def test_without_a_token_nothing_is_cached(movies, django_assert_num_queries):
    feature_cache_for(None).cards([movies[0].pk])

    with django_assert_num_queries(2):
        feature_cache_for(None).cards([movies[0].pk])


def test_an_expired_cache_is_replaced(movies, monkeypatch):
    features = feature_cache_for(b"one")
    assert feature_cache_for(b"one") is features

    monkeypatch.setattr(movie_features, "CACHE_SECONDS", -1.0)

    assert feature_cache_for(b"one") is not features


def test_a_cache_with_too_many_movies_is_replaced(movies, monkeypatch):
    monkeypatch.setattr(movie_features, "MAX_MOVIES", 2)
    features = feature_cache_for(b"two")
    features.cards([movie.pk for movie in movies])

    assert feature_cache_for(b"two") is not features


def test_factors_follow_the_requested_order_or_are_zero(cast):
    vectors = MovieFeatureCache().vectors(cast.version.pk)
    known = [movie.pk for movie in cast.movies.values()][:2]
    MovieEmbedding.objects.filter(movie=known[0]).update(rating_factors=[3.0] * RATING_DIMENSIONS)
    forward, rows, ratings = vectors.item_and_rating_factors([*known, 10**9])
    backward, again, _ = vectors.item_and_rating_factors([10**9, *reversed(known)])

    assert forward.tolist() == [True, True, False]
    assert backward.tolist() == [False, True, True]
    np.testing.assert_array_equal(rows, again[::-1])
    assert not rows[2].any()
    assert rows[:2].any(axis=1).all()
    np.testing.assert_array_equal(ratings[:, 0], [3.0, np.nan, np.nan])
    np.testing.assert_array_equal(vectors.rating_factors(known[1:]), ratings[1:2])


def test_only_factors_that_are_missing_are_fetched(cast, monkeypatch):
    vectors = MovieFeatureCache().vectors(cast.version.pk)
    ids = [movie.pk for movie in cast.movies.values()]
    monkeypatch.setattr(movie_features, "BLOCK_SIZE", 1)
    vectors.rating_factors(ids[:1])
    with CaptureQueriesContext(connection) as queries:
        vectors.query_factors(ids)
        vectors.rating_factors(ids)

    assert len(queries) == 1
    asked = queries[0]["sql"].partition("ANY('{")[2].partition("}")[0].split(",")
    assert sorted(map(int, asked)) == sorted(ids[1:])


def test_each_version_has_its_own_factors(cast):
    features = MovieFeatureCache()
    movie = next(iter(cast.movies.values()))
    features.vectors(cast.version.pk).query_factors([movie.pk])
    known, _ = features.vectors(make_version("ready").pk).query_factors([movie.pk])

    assert not known.any()


def test_few_missing_movies_are_fetched_as_whole_blocks(movies, django_assert_num_queries):
    first, _, last = sorted(movie.pk for movie in movies)
    features = MovieFeatureCache()
    features.cards([first])
    same_block = first // movie_features.BLOCK_SIZE == last // movie_features.BLOCK_SIZE

    with django_assert_num_queries(0 if same_block else 2):
        assert last in features.cards([last])


def test_many_missing_movies_are_fetched_alone():
    many = set(range(1, 2 * movie_features.BLOCK_SIZE * movie_features.MAX_BLOCK_FETCH, movie_features.BLOCK_SIZE))

    assert movie_features.with_id_blocks(many) == many
    assert len(movie_features.with_id_blocks({3})) == movie_features.BLOCK_SIZE
