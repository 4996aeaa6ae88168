"""What is served is what the protocols measure: lists of PostgreSQL's rows against those of the trained arrays."""

import json
import shutil
from copy import copy
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
from django.core.cache import cache
from django.test import override_settings
from django.utils import timezone

from accounts.models import User
from events.list_invalidation import invalidate_user
from events.models import Rating
from events.selectors import Signal, history
from events.services import interaction_record
from movies.models import Movie
from recommendations.algorithms.listing.scoring import ScoredItems
from recommendations.algorithms.listing.serving_parameters import ServingParameters
from recommendations.algorithms.pipeline.serving_simulator import ServingSimulator
from recommendations.algorithms.pipeline.trained_model import TrainedModel
from recommendations.models import BatchRecommendation, ModelVersion, PopularMovie
from recommendations.retrieval import movie_features
from recommendations.retrieval.filters import ListFilters
from recommendations.serving import services
from recommendations.training import services as training
from tests.factories import make_imported_user, make_movie, make_user

MOVIES, PEOPLE, LISTED = 64, 60, 20
START = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Site:
    """A trained site, and the simulator over the arrays of its model."""

    movies: list[Movie]
    people: list[User]
    version: ModelVersion
    model: TrainedModel
    simulator: ServingSimulator

    def positions(self, movie_ids) -> np.ndarray:
        return np.searchsorted(self.model.movie_ids, np.array(movie_ids, np.int64))

    def simulated(self, signals: list[Signal], batch: ScoredItems | None = None, newer: int = 0) -> list[int]:
        """The movies that the simulator lists for these signals, newest first, each about a seen movie."""
        found = self.simulator.recommend(
            self.positions([signal.movie_id for signal in signals]).tolist(),
            [0.0 if signal.value is None else signal.value for signal in signals],
            self.positions([signal.movie_id for signal in signals]),
            LISTED,
            batch=batch,
            newer=newer,
            kinds=[signal.kind for signal in signals],
            timestamps=np.array([int(signal.occurred_at.timestamp()) for signal in signals]),
        )
        return self.model.movie_ids[found].tolist()

    def batch_of(self, user: User) -> ScoredItems:
        row = BatchRecommendation.objects.get(version=self.version, user=user)
        return ScoredItems(self.positions(row.movie_ids), np.array(row.scores))


def half(array: np.ndarray) -> np.ndarray:
    """As PostgreSQL stores it."""
    return array.astype(np.float16).astype(np.float32)


def simulator_of(model: TrainedModel) -> ServingSimulator:
    queries, items = (half(part) for part in model.joined_factors())
    popular = PopularMovie.objects.filter(genre=None).order_by("rank").values_list("movie_id", "score")
    order = np.searchsorted(model.movie_ids, [movie_id for movie_id, _ in popular])
    scores = np.zeros(len(model.movie_ids))
    scores[order] = [score for _, score in popular]
    next_item = replace(model.next_item, query_factors=queries[:, 128:], item_factors=items)
    parameters = model.serving or ServingParameters()
    return ServingSimulator(queries[:, :128], items[:, :128], order, scores, parameters=parameters, next_item=next_item)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("models")


@pytest.fixture
def site(db, settings, folder, trained_site) -> Site:
    settings.MODEL_DIR = folder
    return trained_site


@pytest.fixture(scope="module")
def trained_site(module_db, folder) -> Site:
    """Everybody watches a stretch of a circle of movies in its order, and dislikes one on the other side."""
    cache.delete_pattern("*")
    movie_features.clear_cache()
    with override_settings(MODEL_DIR=folder, TRAINING_RATING_PREDICTION=False, TRAINING_EVALUATED_PEOPLE=0):
        return train_site()


def train_site() -> Site:
    rng = np.random.default_rng(0)
    # No two belong to one franchise, so that nothing is re-ranked.
    movies = [make_movie(f"{chr(65 + n // 8)}{chr(97 + n % 8)}lmost {rng.integers(10**6):x}z") for n in range(MOVIES)]
    people = [make_imported_user("ml-test", n + 1) for n in range(PEOPLE)]
    ratings = []
    for number, person in enumerate(people):
        start, length = int(rng.integers(MOVIES)), int(rng.integers(8, 20))
        for step in range(length):
            movie = movies[(start + step + int(rng.integers(3))) % MOVIES]
            at = START + timedelta(days=number, minutes=7 * step)
            ratings.append(Rating(user=person, movie=movie, value=float(rng.choice([3, 4, 4.5, 5])), rated_at=at))
        far = movies[(start + MOVIES // 2) % MOVIES]
        ratings.append(Rating(user=person, movie=far, value=1.0, rated_at=START + timedelta(days=number, minutes=3)))
    Rating.objects.bulk_create(ratings, ignore_conflicts=True)
    trained, real = [], training.train

    def keep(*args, **kwargs):
        trained.append(real(*args, **kwargs))
        return trained[-1]

    with mock.patch.object(training, "train", keep):
        version = training.training_run(force=True)
    movie_features.clear_cache()
    [model] = trained
    assert model.next_item is not None
    assert version.serving == model.serving.as_dict()
    return Site(movies, people, version, model, simulator_of(model))


def served_to(user: User) -> list[int]:
    answer = json.loads(services.recommendation_list(user=user, limit=LISTED))
    return [item["movie"]["id"] for item in answer["items"]]


def test_a_known_person_gets_the_simulated_list_before_and_after_new_events(site):
    person = site.people[0]
    signals, _ = history(person.pk, 50)

    assert served_to(person) == site.simulated(signals, site.batch_of(person))

    unseen = [movie for movie in site.movies if movie.pk not in {signal.movie_id for signal in signals}]
    for movie in unseen[:2]:
        interaction_record(user=person, movie_id=movie.pk, kind="rating", value=5)
    invalidate_user(person.pk)
    signals, _ = history(person.pk, 50)

    assert served_to(person) == site.simulated(signals, site.batch_of(person), newer=2)


@pytest.mark.parametrize("likes", [1, 3, 9])
def test_a_new_person_gets_the_simulated_list_by_order_and_time(site, likes):
    person = make_user()
    for number, movie in enumerate(site.movies[10 : 10 + likes]):
        at = timezone.now() - timedelta(seconds=40 * (likes - number))
        interaction_record(user=person, movie_id=movie.pk, kind="like", occurred_at=at)
    interaction_record(user=person, movie_id=site.movies[40].pk, kind="dislike")
    signals, _ = history(person.pk, 50)

    assert served_to(person) == site.simulated(signals)


def test_a_guest_gets_the_simulated_list_of_signals_at_one_time(site):
    now = timezone.now()
    signals = [Signal(movie.pk, "like", None, now) for movie in site.movies[20:24]]

    answer = services.session_list(signals=signals, limit=LISTED, filters=ListFilters())

    assert [item["movie"]["id"] for item in answer["items"]] == site.simulated(signals)


def test_lists_lead_on_by_the_order_of_what_was_picked(site):
    now = timezone.now()
    signals = [Signal(movie.pk, "like", None, now) for movie in site.movies[20:26]]

    forwards, backwards = (
        [
            item["movie"]["id"]
            for item in services.session_list(signals=order, limit=LISTED, filters=ListFilters())["items"]
        ]
        for order in (signals[::-1], signals)
    )

    assert forwards != backwards


def test_a_reason_names_a_like_from_the_movies_own_part_of_the_circle(site):
    now = timezone.now()
    likes = [site.movies[place] for place in (10, 42, 12, 44, 14, 46)]
    signals = [Signal(movie.pk, "like", None, now) for movie in likes]

    answer = services.session_list(signals=signals, limit=LISTED, filters=ListFilters())

    places = {movie.pk: place for place, movie in enumerate(site.movies)}
    named, distances = set(), []
    for item in answer["items"]:
        for movie in likes:
            if movie.title in item["reason"]["text"]:
                apart = abs(places[item["movie"]["id"]] - places[movie.pk])
                named.add(places[movie.pk] // 32)
                distances.append(min(apart, MOVIES - apart))
    assert named == {0, 1}
    assert max(distances) < MOVIES / 4


def test_without_the_file_lists_come_from_few_shot_factors_alone(site, folder, settings, tmp_path, caplog):
    settings.MODEL_DIR = shutil.copytree(folder, tmp_path / "models")
    (settings.MODEL_DIR / str(site.version.pk) / "next_item.npz").unlink()
    site = replace(site, simulator=copy(site.simulator))
    person = make_user()
    for movie in site.movies[10:14]:
        interaction_record(user=person, movie_id=movie.pk, kind="like")
    signals, _ = history(person.pk, 50)
    site.simulator.next_item = None
    site.simulator.item_factors = site.simulator.item_factors[:, :128]

    assert served_to(person) == site.simulated(signals)
    served_to(make_user())
    warnings = [record for record in caplog.records if "next_item_model_not_loaded" in record.getMessage()]
    assert len(warnings) == 1
