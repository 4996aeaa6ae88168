from datetime import timedelta

import pytest
from django.utils import timezone

from events.models import Interaction, Rating
from movies.models import Movie
from recommendations.algorithms.listing.serving_parameters import ServingParameters
from recommendations.models import ModelVersion, PopularMovie
from recommendations.training import popular_movies as popularity
from recommendations.training.popular_movies import popular_refresh
from tests.factories import make_movie, make_user


def listed(genre: str | None = None) -> list[str]:
    return list(PopularMovie.objects.filter(genre__name=genre).order_by("rank").values_list("movie__title", flat=True))


def rate(movie: Movie, value: float, times: int, days_ago: int = 0) -> None:
    at = timezone.now() - timedelta(days=days_ago)
    Rating.objects.bulk_create(Rating(user=make_user(), movie=movie, value=value, rated_at=at) for _ in range(times))


@pytest.fixture
def films(db) -> dict[str, Movie]:
    genres = {"Heat": ["Crime"], "Babe": ["Family"], "Casino": ["Crime"], "Aladdin": ["Family"]}
    return {title: make_movie(title, genres=genre) for title, genre in genres.items()}


def test_often_and_well_rated_movies_lead_all_popular_lists(films):
    rate(films["Heat"], 4.5, 6)
    rate(films["Babe"], 4.5, 4)
    rate(films["Casino"], 2.0, 4)

    assert popular_refresh() == 6

    assert listed() == ["Heat", "Babe", "Casino"]
    assert listed("Crime") == ["Heat", "Casino"]
    assert listed("Family") == ["Babe"]
    scores = list(PopularMovie.objects.filter(genre=None).order_by("rank").values_list("score", flat=True))
    assert scores == sorted(scores, reverse=True)


def test_popular_lists_follow_what_the_live_version_was_published_with(films):
    rate(films["Heat"], 3.0, 5)
    rate(films["Babe"], 5.0, 4)
    by_average = ServingParameters(popularity_rating_exponent=8.0).as_dict()
    retired = ModelVersion.objects.create(status=ModelVersion.Status.RETIRED, serving=by_average)
    popular_refresh()
    assert listed() == ["Heat", "Babe"]

    retired.status = ModelVersion.Status.LIVE
    retired.save()
    popular_refresh()
    assert listed() == ["Babe", "Heat"]


def test_new_ratings_outweigh_as_many_old_ones(films):
    rate(films["Heat"], 4, 4, days_ago=1000)
    rate(films["Babe"], 4, 4)

    popular_refresh()

    assert listed() == ["Babe", "Heat"]


def test_likes_count_where_no_rating_does_and_views_never_count(films):
    rate(films["Heat"], 4, 2)
    for _ in range(3):
        Interaction.objects.create(user=make_user(), movie=films["Babe"], kind="like")
        Interaction.objects.create(user=make_user(), movie=films["Casino"], kind="view")

    popular_refresh()

    assert listed() == ["Babe", "Heat"]


def test_a_like_beside_a_rating_is_not_a_second_vote(films):
    rate(films["Heat"], 4, 3)
    before = popular_scores()
    for rating in Rating.objects.all():
        Interaction.objects.create(user=rating.user, movie=rating.movie, kind="like")

    assert popular_scores() == pytest.approx(before)


def popular_scores() -> list[float]:
    popular_refresh(now=timezone.now())
    return list(PopularMovie.objects.order_by("genre", "rank").values_list("score", flat=True))


def test_unpublished_movies_are_not_popular(films):
    rate(films["Heat"], 5, 3)
    rate(films["Babe"], 3, 1)
    Movie.objects.filter(pk=films["Heat"].pk).update(status=Movie.Status.HIDDEN)

    popular_refresh()

    assert listed() == ["Babe"]
    assert listed("Crime") == []


def test_caches_are_invalidated_only_when_a_place_changed(films, monkeypatch, django_capture_on_commit_callbacks):
    invalidated: list[None] = []
    monkeypatch.setattr(popularity, "invalidate_catalogue_on_commit", lambda: invalidated.append(None))
    rate(films["Heat"], 4, 2)

    for expected in (1, 1):
        with django_capture_on_commit_callbacks(execute=True):
            popular_refresh()
        assert len(invalidated) == expected
    rate(films["Babe"], 5, 5)
    with django_capture_on_commit_callbacks(execute=True):
        popular_refresh()
    assert len(invalidated) == 2


def test_without_votes_the_lists_are_empty(films):
    assert popular_refresh() == 0
    assert not PopularMovie.objects.exists()
