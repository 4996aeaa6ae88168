"""The thread that fills the feature cache of a web process."""

import pytest
from django.db import connection

from movies.caching.version_tokens import CATALOGUE, invalidate_catalogue, read_token
from recommendations.retrieval.movie_features import clear_cache, feature_cache_for
from recsys_project.fast_path import warming
from recsys_project.fast_path.warming import Warming


@pytest.fixture
def warmed(monkeypatch):
    """The caches that were filled, in order."""
    found = []
    monkeypatch.setattr(warming, "features_warm", lambda cache, **_: found.append(cache) or 0)
    monkeypatch.setattr(connection, "close", lambda: None)
    return found


def new_cache():
    invalidate_catalogue()
    return feature_cache_for(read_token(CATALOGUE))


def test_each_cache_is_filled_once(db, warmed):
    thread, first = Warming(), new_cache()
    assert [thread.poll(), thread.poll()] == [True, False]
    second = new_cache()
    thread.poll()

    assert warmed == [first, second]


def test_nothing_is_filled_before_the_first_list(db, warmed):
    clear_cache()

    assert not Warming().poll()
    assert warmed == []


def test_an_error_does_not_end_the_thread(db, warmed, monkeypatch):
    def fail(cache, **_):
        raise OSError

    thread, _ = Warming(), new_cache()
    monkeypatch.setattr(warming, "features_warm", fail)

    assert thread.poll()
    assert not thread.poll()
