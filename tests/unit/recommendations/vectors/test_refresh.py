import logging

import numpy as np
import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone

from movies.models import Movie
from recommendations.algorithms.listing.session_query import FEW_SHOT_DIMENSIONS
from recommendations.algorithms.ratings.fold_in import fold_in, predict_rows
from recommendations.models import ITEM_DIMENSIONS, QUERY_DIMENSIONS, ModelVersion, MovieEmbedding
from recommendations.training import services as training
from recommendations.training.publishing import version_rollback
from recommendations.vectors import refresh
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
    liked = np.array([vector_of(movie).rating_factors for movie in world.crime[1:4]])
    fan = fold_in(liked, np.full(3, 5.0))
    assert predict_rows(np.array([row.rating_factors]), fan)[0] > 3
    item = np.array(row.item_factors)
    assert queries["crime"] @ item[:QUERY_DIMENSIONS] > queries["family"] @ item[:QUERY_DIMENSIONS]
    assert not item[FEW_SHOT_DIMENSIONS:].any()


def test_an_edited_movie_gets_a_text_vector_and_keeps_factors(world, live):
    movie = world.crime[0]
    before = vector_of(movie)
    Movie.objects.filter(pk=movie.pk).update(overview="toys and children", content_changed_at=timezone.now())

    assert embeddings_refresh() == 1

    after = vector_of(movie)
    assert not np.allclose(before.content, after.content)
    assert np.array_equal(before.item_factors, after.item_factors)
    assert np.array_equal(before.query_factors, after.query_factors)
    assert np.array_equal(before.rating_factors, after.rating_factors)
    assert after.factors_source == "trained"


@pytest.mark.parametrize("source", MovieEmbedding.Source.values)
def test_an_edited_movie_keeps_the_next_item_part_of_its_factors(world, live, source):
    row = vector_of(world.crime[0])
    row.query_factors = [*row.query_factors[:FEW_SHOT_DIMENSIONS], *[0.5] * (QUERY_DIMENSIONS - FEW_SHOT_DIMENSIONS)]
    row.item_factors = [*row.item_factors[:FEW_SHOT_DIMENSIONS], *[0.25] * (ITEM_DIMENSIONS - FEW_SHOT_DIMENSIONS)]
    row.factors_source = source
    row.save()
    Movie.objects.filter(pk=row.movie_id).update(overview="toys and children", content_changed_at=timezone.now())

    assert embeddings_refresh() == 1

    after = vector_of(world.crime[0])
    assert after.query_factors[FEW_SHOT_DIMENSIONS:] == row.query_factors[FEW_SHOT_DIMENSIONS:]
    assert after.item_factors[FEW_SHOT_DIMENSIONS:] == row.item_factors[FEW_SHOT_DIMENSIONS:]
    kept = after.item_factors[:FEW_SHOT_DIMENSIONS] == row.item_factors[:FEW_SHOT_DIMENSIONS]
    assert kept == (source == "trained")
    assert after.factors_source == source


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
def test_missing_or_changed_files_are_reported_and_not_used(world, live, settings, caplog, harm):
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


def before_the_vectors_are_made(monkeypatch, happens) -> None:
    """Have something happen once, while a refresh already works for the version that was live."""
    real, done = refresh.artefacts_load, []

    def load(*, version):
        files = real(version=version)
        if not done:
            done.append(version)
            happens()
        return files

    monkeypatch.setattr(refresh, "artefacts_load", load)


def test_a_version_pruned_meanwhile_gets_no_vectors(world, live, monkeypatch):
    make_movie("Crime 9", genres=["Crime"], overview="a thief and police")

    def two_newer_versions_go_live():
        training.training_run()
        training.training_run()

    before_the_vectors_are_made(monkeypatch, two_newer_versions_go_live)

    assert embeddings_refresh() == 0

    assert not MovieEmbedding.objects.filter(version=live).exists()
    with pytest.raises(ValidationError, match="are gone"):
        version_rollback(to=live)


def test_what_a_newer_version_lacks_is_left_to_the_next_refresh(world, live, monkeypatch):
    first = vector_of(world.crime[0])

    def edited_then_a_newer_version_goes_live():
        training.training_run()
        Movie.objects.filter(pk=world.crime[0].pk).update(overview="toys", content_changed_at=timezone.now())

    Movie.objects.filter(pk=world.crime[0].pk).update(overview="children", content_changed_at=timezone.now())
    before_the_vectors_are_made(monkeypatch, edited_then_a_newer_version_goes_live)

    assert embeddings_refresh() == 0
    assert MovieEmbedding.objects.get(pk=first.pk).updated_at == first.updated_at

    assert embeddings_refresh() == 1
    newest = MovieEmbedding.objects.get(movie=world.crime[0], version__status="live")
    assert newest.version_id > live.pk
    assert newest.updated_at > Movie.objects.get(pk=world.crime[0].pk).content_changed_at
