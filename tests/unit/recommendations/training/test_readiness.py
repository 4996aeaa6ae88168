"""What movies lack is counted, and found in the admin's list."""

from datetime import timedelta

import pytest
from django.utils import timezone

from events.models import Rating
from movies.models import Movie
from recommendations.models import MovieReadiness
from recommendations.training.readiness import FEW_RATINGS, ISSUES, catalogue_readiness, movies_lacking, readiness_count
from tests.factories import make_batch_list, make_embedding, make_imported_user, make_movie, make_user, make_version
from workers.tasks import readiness as task

pytestmark = pytest.mark.django_db


@pytest.fixture
def ready(db) -> Movie:
    """A movie that lacks nothing, beside one that lacks everything."""
    Movie.objects.all().delete()
    make_movie("Bare")
    movie = make_movie("Ready", genres=["Drama"], overview="A story.", poster_url="https://example.org/1.jpg")
    version, older = make_version(), make_version("retired")
    make_embedding(version, movie, [1.0])
    make_batch_list(version, make_imported_user(), {movie: 1.0})
    make_batch_list(older, make_imported_user(), {movie: 1.0})
    people = [make_imported_user() for _ in range(FEW_RATINGS)]
    Rating.objects.bulk_create(Rating(user=person, movie=movie, value=4) for person in people)
    return movie


def test_each_movie_is_counted(ready):
    assert readiness_count() == 2

    counted = MovieReadiness.objects.get(movie=ready)
    assert (counted.ratings, counted.lists) == (FEW_RATINGS, 1)
    assert MovieReadiness.objects.get(movie__title="Bare").ratings == 0


def test_the_catalogue_says_what_is_lacking(ready):
    now = timezone.now()
    readiness_count(now=now)

    found = catalogue_readiness()

    assert found.published == 2
    assert found.lacking == {issue.key: 1 for issue in ISSUES}
    assert found.counted_at == now


@pytest.mark.parametrize("key", [issue.key for issue in ISSUES])
def test_the_list_has_the_movies_that_are_counted(ready, key):
    make_movie("Draft", status="draft")
    readiness_count()

    lacking = Movie.objects.filter(movies_lacking(key), status="published")

    assert [movie.title for movie in lacking] == ["Bare"]


def test_a_new_movie_lacks_ratings_before_the_next_count(ready):
    readiness_count()
    make_movie("Newer")

    assert catalogue_readiness().lacking["few_ratings"] == 2
    assert Movie.objects.filter(movies_lacking("few_ratings")).count() == 2


def test_a_deleted_movie_leaves_with_the_next_count(ready):
    readiness_count(now=timezone.now() - timedelta(hours=6))
    ready.delete()

    assert task.count() == 1
    assert MovieReadiness.objects.count() == 1


def test_an_empty_database_is_no_error(db):
    Movie.objects.all().delete()

    assert readiness_count() == 0
    assert catalogue_readiness().published == 0


def test_staff_filter_the_list_of_movies(client, ready):
    readiness_count()
    client.force_login(make_user(is_staff=True, is_superuser=True))

    page = client.get("/admin/movies/movie/", {"lacking": "no_poster"}).content.decode()

    assert "Bare" in page
    assert "Ready" not in page
    assert client.get("/admin/movies/movie/", {"lacking": "x"}).status_code == 200
