import logging

import numpy as np
import pytest
from django.utils import timezone

from movies.models import Movie
from recommendations.models import ModelVersion, MovieEmbedding
from recommendations.training import services as training
from recommendations.vectors.refresh import embeddings_refresh
from tests.factories import make_movie


@pytest.fixture
def live(world) -> ModelVersion:
    return training.training_run()


def vector_of(movie: Movie) -> MovieEmbedding:
    return MovieEmbedding.objects.get(movie=movie)


def test_a_new_movie_gets_factors_of_its_kind(world, live):
    new = make_movie("Crime 9", genres=["Crime"], overview="a thief and police")

    assert embeddings_refresh() == 1

    row = vector_of(new)
    assert (row.version, row.factors_source) == (live, "predicted")
    assert np.linalg.norm(row.content) == pytest.approx(1, abs=1e-5)
    queries = {
        name: np.mean([vector_of(movie).query_factors for movie in movies], axis=0)
        for name, movies in (("crime", world.crime), ("family", world.family))
    }
    assert queries["crime"] @ np.array(row.item_factors) > queries["family"] @ np.array(row.item_factors)


def test_an_edited_movie_gets_a_new_text_vector_and_keeps_what_was_learned(world, live):
    movie = world.crime[0]
    before = vector_of(movie)
    Movie.objects.filter(pk=movie.pk).update(overview="toys and children", content_changed_at=timezone.now())

    assert embeddings_refresh() == 1

    after = vector_of(movie)
    assert not np.allclose(before.content, after.content)
    assert np.array_equal(before.item_factors, after.item_factors)
    assert np.array_equal(before.query_factors, after.query_factors)
    assert after.factors_source == "trained"


def test_when_nothing_changed_nothing_is_written(world, live):
    rows = list(MovieEmbedding.objects.order_by("pk").values_list("pk", "updated_at"))

    assert embeddings_refresh() == 0
    assert list(MovieEmbedding.objects.order_by("pk").values_list("pk", "updated_at")) == rows


def test_a_movie_edited_while_training_counts_as_changed(world, monkeypatch):
    real = training.train

    def edit_then_train(*args, **kwargs):
        Movie.objects.filter(pk=world.crime[0].pk).update(overview="changed", content_changed_at=timezone.now())
        return real(*args, **kwargs)

    monkeypatch.setattr(training, "train", edit_then_train)
    training.training_run()

    assert embeddings_refresh() == 1


def test_without_a_live_version_nothing_happens(db):
    make_movie()

    assert embeddings_refresh() == 0
    assert not MovieEmbedding.objects.exists()


@pytest.mark.parametrize("harm", ["delete", "change"])
def test_files_that_are_gone_or_changed_are_reported_and_not_used(world, live, settings, caplog, harm):
    path = settings.MODEL_DIR / str(live.pk) / "encoder.npz"
    if harm == "delete":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes() + b"x")
    make_movie("Crime 9")

    with caplog.at_level(logging.ERROR):
        assert embeddings_refresh() == 0

    assert "embeddings_not_refreshed" in caplog.text
    assert MovieEmbedding.objects.count() == 16
