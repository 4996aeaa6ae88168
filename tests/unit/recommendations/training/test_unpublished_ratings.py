"""A version whose predicted ratings do not beat damped means publishes none, and serving shows none."""

from io import StringIO

import numpy as np
import pytest
from django.core.management import call_command
from django.test import Client
from django.urls import reverse

from events.models import Rating
from recommendations.algorithms.ratings import evaluation, reading
from recommendations.models import BatchRecommendation, MovieEmbedding
from recommendations.training import services as training
from recommendations.vectors.refresh import embeddings_refresh
from tests.factories import client_of, make_movie, make_user

LISTS = "/api/recommendations/"


@pytest.fixture(autouse=True)
def few_are_enough(monkeypatch):
    """The world is small: what it holds out is measured all the same."""
    monkeypatch.setattr(reading, "MIN_RATINGS", 5)
    monkeypatch.setattr(evaluation, "MIN_JUDGED", 1)


@pytest.fixture
def refused(monkeypatch):
    """Sets which of the models does not beat damped means; the predictor is judged first, by one or two baselines."""

    def refuse(*models: str) -> None:
        real = evaluation.RatingFits._predicted

        def predicted(self, model):
            values = real(self, model)
            name = {"RatingPredictor": "predictor", "FoldedRatings": "rows"}.get(type(model).__name__)
            return (
                np.full_like(values, 100) if name in models else values + (self._actual - values) * (name is not None)
            )

        monkeypatch.setattr(evaluation.RatingFits, "_predicted", predicted)

    return refuse


def shown(person) -> list[float | None]:
    """The predicted ratings of their list, and of the page of its first movie."""
    client = client_of(person)
    items = client.get(LISTS).json()["items"]
    assert items
    page = client.get(f"/api/movies/{items[0]['movie']['id']}/").json()
    return [item["predicted_rating"] for item in items] + [page["predicted_rating"]]


def published(version) -> tuple[bool, bool]:
    """Whether the version has predicted ratings in lists, and rating factors."""
    lists = BatchRecommendation.objects.filter(version=version).values_list("predicted_ratings", flat=True)
    factors = MovieEmbedding.objects.filter(version=version).values_list("rating_factors", flat=True)
    assert lists
    assert factors
    return any(lists), any(row is not None for row in factors)


def test_without_structure_no_rating_is_shown(world):
    rng = np.random.default_rng(0)
    ratings = list(Rating.objects.all())
    for rating in ratings:
        rating.value = float(rng.integers(1, 6))
    Rating.objects.bulk_update(ratings, ["value"])

    version = training.training_run()

    assert version.status == "live"
    assert published(version) == (False, False)
    assert {"rating_refusal", "rating_factors_refusal", "rating_rmse", "rating_rmse_baseline"} < set(version.metrics)
    assert set(shown(world.fan_of_crime())) == {None}


def test_both_are_published_where_both_are_better(world, refused):
    refused()
    version = training.training_run()

    assert published(version) == (True, True)
    assert None not in shown(world.fan_of_crime())


def test_lists_without_ratings_show_folded_ones(world, refused):
    refused("predictor")
    version = training.training_run()

    assert published(version) == (False, True)
    assert "rating_factors_refusal" not in version.metrics
    assert None not in shown(world.fan_of_crime())


def test_without_factors_lists_show_the_nightly_ratings(world, refused):
    refused("rows")
    version = training.training_run()

    assert published(version) == (True, False)
    assert "rating_refusal" not in version.metrics
    assert None not in shown(world.fan_of_crime())[:-1]
    assert set(shown(make_user())) == {None}


def test_a_new_movie_gets_no_rating_factors_either(world, refused):
    refused("rows")
    version = training.training_run()
    new = make_movie("Crime of yesterday", genres=["Crime"])

    embeddings_refresh()

    row = MovieEmbedding.objects.get(version=version, movie=new)
    assert row.item_factors is not None
    assert row.rating_factors is None


def test_staff_read_why(world, refused):
    refused("predictor", "rows")
    version = training.training_run()
    out = StringIO()
    call_command("models", "show", str(version.pk), stdout=out)
    staff = Client()
    staff.force_login(make_user(is_staff=True, is_superuser=True))
    page = staff.get(reverse("admin:recommendations_modelversion_change", args=[version.pk])).content.decode()

    for name in ("rating_refusal", "rating_factors_refusal"):
        reason = version.metrics[name]
        assert "is not below that of damped means" in reason
        assert reason in " ".join(out.getvalue().replace("│", " ").split())
        assert reason in page
