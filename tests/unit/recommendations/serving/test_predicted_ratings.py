"""Predicted ratings in lists and on the page of a movie, also for new people."""

import json
from datetime import timedelta

import numpy as np
import pytest
from django.utils import timezone

from events.services import interaction_record
from recommendations.models import RATING_DIMENSIONS, BatchRecommendation, ModelVersion, MovieEmbedding
from recommendations.serving import services
from recommendations.serving.predicted_ratings import RatingPredictions, predicted_rating
from tests.factories import GROUPS, client_of, make_embedding, make_movie, padded


@pytest.fixture
def rated(cast):
    """The cast, with rating factors: all movies have a mean rating of 3, and each group is a taste of its own."""
    for axis, titles in enumerate(GROUPS.values()):
        loadings = [float(axis == n) for n in range(3)]
        row = padded([3.0, 4.0, *loadings], RATING_DIMENSIONS)
        MovieEmbedding.objects.filter(movie__title__in=titles).update(rating_factors=row)
    return cast


def rate(cast, user, title: str, value: float, **fields) -> None:
    interaction_record(user=user, movie_id=cast[title].pk, kind="rating", value=value, **fields)


def predictions(user) -> dict[str, float | None]:
    answer = json.loads(services.recommendation_list(user=user, limit=100))
    return {item["movie"]["title"]: item["predicted_rating"] for item in answer["items"]}


def page(client, movie):
    return client.get(f"/api/movies/{movie.pk}/")


def test_one_rating_predicts_every_movie_of_a_new_persons_list(rated):
    rate(rated, rated.bob, "Heat", 5.0)
    found = predictions(rated.bob)

    assert len(found) == 8
    # The posterior mean of the taste for crime is 4 * 2 / (4 + 1).
    assert found["Casino"] == found["Goodfellas"] == 4.6
    assert set(found.values()) == {4.6, 3.0}


def test_without_ratings_nothing_is_predicted(rated):
    interaction_record(user=rated.bob, movie_id=rated["Heat"].pk, kind="like")

    assert set(predictions(rated.bob).values()) == {None}
    assert set(predictions(rated.carol).values()) == {None}


def test_without_rating_factors_new_people_get_no_predictions(cast):
    rate(cast, cast.bob, "Heat", 5.0)

    assert set(predictions(cast.bob).values()) == {None}
    assert page(client_of(cast.bob), cast["Casino"]).json()["predicted_rating"] is None


def test_a_movie_outside_the_nightly_list_is_predicted(rated):
    nightly_list = BatchRecommendation.objects.get(user=rated.alice)
    nightly_list.predicted_ratings = [4.0] * 4
    nightly_list.save()
    rate(rated, rated.alice, "Toy Story", 1.0)
    found = predictions(rated.alice)

    assert None not in found.values()
    assert found["Aladdin"] == 1.4
    assert found["Goodfellas"] == 3.0
    # One rating that the training has read weighs a twenty-first of the nightly prediction.
    assert found["Heat"] == 3.0


def test_without_recent_ratings_the_nightly_prediction_is_used(rated):
    nightly_list = BatchRecommendation.objects.get(user=rated.alice)
    nightly_list.predicted_ratings = [4.3, 4.0, 3.1, float("nan")]
    nightly_list.save()

    assert predicted_rating(rated.alice.pk, rated["Heat"].pk) == 4.3
    assert predicted_rating(rated.alice.pk, rated["Babe"].pk) is None


def test_a_newer_rating_shifts_the_nightly_prediction(rated):
    ModelVersion.objects.update(started_at=timezone.now() - timedelta(hours=1))
    nightly_list = BatchRecommendation.objects.get(user=rated.alice)
    nightly_list.predicted_ratings = [3.5] * 4
    nightly_list.save()
    for n in range(60):
        movie = make_movie(f"Seen {n}")
        make_embedding(rated.version, movie, [0.1], rating=[3.0, 4.0])
        before = timezone.now() - timedelta(days=1)
        interaction_record(user=rated.alice, movie_id=movie.pk, kind="rating", value=3.0, occurred_at=before)
    assert predicted_rating(rated.alice.pk, rated["Casino"].pk) == 3.4

    rate(rated, rated.alice, "Heat", 5.0)

    # Three quarters of 3.5 + 1.6 and a quarter of 3 + 1.6.
    assert predicted_rating(rated.alice.pk, rated["Casino"].pk) == 5.0
    assert predicted_rating(rated.alice.pk, rated["Alien"].pk) == 3.4


def test_predictions_are_on_scale_and_nightly_without_factors():
    rows = np.full((3, RATING_DIMENSIONS), np.nan, np.float32)
    rows[:2] = [3.0, 1.0, 9.0, *[0.0] * 7], [3.0, 1.0, -9.0, *[0.0] * 7]
    person = np.array([1.0, *[0.0] * 7], np.float32)

    found = RatingPredictions({3: 4.04, 4: 2.0}, person, shift=person, nightly_weight=0.5).predict([1, 2, 3], rows)

    assert found == [5.0, 0.5, 4.0]


def test_the_page_of_a_movie_has_a_prediction_when_signed_in(rated):
    rate(rated, rated.bob, "Heat", 5.0)
    response = page(client_of(rated.bob), rated["Casino"])

    assert response.json()["predicted_rating"] == 4.6
    assert response.json()["title"] == "Casino"
    assert "no-store" in response.headers["Cache-Control"]
    assert page(client_of(rated.carol), rated["Casino"]).json()["predicted_rating"] is None


def test_guests_and_invalid_tokens_read_the_page_of_a_movie(rated):
    rate(rated, rated.bob, "Heat", 5.0)
    expired, gone = client_of(), client_of(rated.bob)
    expired.credentials(HTTP_AUTHORIZATION="Bearer no.such.token")
    rated.bob.is_active = False
    rated.bob.save()

    for client in (client_of(), expired, gone):
        response = page(client, rated["Casino"])
        assert (response.status_code, response.json()["predicted_rating"]) == (200, None)
    assert client_of(rated.carol).get("/api/movies/999999999/").status_code == 404


def test_ratings_in_a_session_predict_its_list(rated):
    events = [{"movie": rated["Heat"].pk, "kind": "rating", "value": 5.0}]
    answer = client_of().post("/api/recommendations/session/", {"events": events}, format="json").json()

    assert {item["movie"]["title"]: item["predicted_rating"] for item in answer["items"]}["Casino"] == 4.6
