"""What the protocols simulate is what the API serves, for the same published rows."""

from datetime import timedelta

import numpy as np
import pytest

from events.models import Rating
from events.services import interaction_record
from recommendations.algorithms.listing.blending import BlendConfig
from recommendations.evaluation.protocols.serving import BatchRow, ServingSimulator
from recommendations.models import BatchRecommendation, ModelVersion, MovieEmbedding, PopularMovie
from recommendations.training.services import training_run
from tests.factories import client_of, make_user


@pytest.fixture
def trained(world, settings):
    """The small world under a live version, its lists as they are ranked."""
    settings.RERANKING = {"diversity": 0.0, "group_cap": 0}
    training_run()
    return world


def published() -> tuple[ServingSimulator, list[int]]:
    rows = MovieEmbedding.objects.filter(version__status=ModelVersion.Status.LIVE).order_by("movie_id")
    movie_ids, queries, items = zip(*rows.values_list("movie_id", "query_factors", "item_factors"), strict=True)
    query_factors, item_factors = (np.array([np.array(v) for v in vectors], np.float32) for vectors in (queries, items))
    popular = PopularMovie.objects.filter(genre=None).order_by("rank")
    order = [movie_ids.index(row.movie_id) for row in popular]
    scores = np.zeros(len(movie_ids))
    scores[order] = [row.score for row in popular]
    return ServingSimulator(query_factors, item_factors, np.array(order), scores), list(movie_ids)


def served(user) -> list[int]:
    return [item["movie"]["id"] for item in client_of(user).get("/api/recommendations/").json()["items"]]


def rate(user, movies, value: float = 5.0) -> None:
    for movie in movies:
        interaction_record(user=user, movie_id=movie.pk, kind="rating", value=value)


@pytest.mark.parametrize("likes", [0, 1, 3])
def test_a_new_person_is_served_what_is_simulated(trained, likes):
    user, liked = make_user(), trained.crime[:likes]
    rate(user, liked)
    simulator, ids = published()
    signals = [ids.index(movie.pk) for movie in reversed(liked)]
    answer = simulator.answer(signals, [5.0] * likes, np.array(signals, np.int64), 10, blending=BlendConfig())

    assert served(user)[:10] == [ids[at] for at in answer]


@pytest.mark.parametrize("newer", [0, 1, 2])
def test_a_known_person_is_served_what_is_simulated_by_how_much_the_batch_has_not_read(trained, newer):
    user = trained.fan_of_crime()
    read_from = ModelVersion.objects.get().started_at
    # What the training read lies before it, one second apart, as the simulation needs an order.
    for age, rating in enumerate(Rating.objects.filter(user=user).order_by("movie_id"), start=1):
        Rating.objects.filter(pk=rating.pk).update(rated_at=read_from - timedelta(seconds=age))
    rate(user, trained.family[4 : 4 + newer])
    simulator, ids = published()
    ratings = list(Rating.objects.filter(user=user).order_by("-rated_at"))
    assert sum(rating.rated_at > read_from for rating in ratings) == newer
    signals = [ids.index(rating.movie_id) for rating in ratings]
    row = BatchRecommendation.objects.get(user=user)
    batch = BatchRow(np.array([ids.index(pk) for pk in row.movie_ids]), np.array(row.scores))
    seen = np.array(signals, np.int64)
    values = [rating.value for rating in ratings]
    answer = simulator.answer(signals, values, seen, 5, blending=BlendConfig(), batch=batch, newer=newer)

    assert served(user)[:5] == [ids[at] for at in answer]
