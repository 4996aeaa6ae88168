"""Publishing and hiding: content marked as changed, lists as stale, and nothing else touched."""

from datetime import UTC, datetime

import pytest
from django_redis import get_redis_connection

from movies import services
from movies.caching.version_tokens import CATALOGUE, token_key
from movies.models import Movie

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


def catalogue_token() -> bytes | None:
    return get_redis_connection("default").get(token_key(CATALOGUE))


@pytest.fixture
def _old(cast):
    Movie.objects.update(content_changed_at=LONG_AGO)


@pytest.mark.usefixtures("_old")
def test_hiding_changes_the_catalogues_token_after_the_commit(cast, django_capture_on_commit_callbacks):
    before = catalogue_token()
    with django_capture_on_commit_callbacks(execute=True):
        changed = services.movies_hide(movie_ids=[cast["Heat"].pk, cast["Alien"].pk, 10**9])
        assert catalogue_token() == before

    assert changed == 2
    assert catalogue_token() != before
    hidden = Movie.objects.filter(status=Movie.Status.HIDDEN)
    assert {movie.title for movie in hidden} == {"Heat", "Alien"}
    assert all(movie.content_changed_at > LONG_AGO for movie in hidden)
    assert Movie.objects.get(title="Babe").content_changed_at == LONG_AGO


@pytest.mark.usefixtures("_old")
def test_publishing_what_is_published_changes_nothing(cast, django_capture_on_commit_callbacks):
    before = catalogue_token()
    with django_capture_on_commit_callbacks(execute=True) as callbacks:
        changed = services.movies_publish(movie_ids=[cast["Heat"].pk])

    assert (changed, callbacks, catalogue_token()) == (0, [], before)
    assert Movie.objects.get(title="Heat").content_changed_at == LONG_AGO
