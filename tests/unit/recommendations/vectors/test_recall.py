"""The recall of vector search, measured against an exact search."""

import numpy as np
import pytest
from django.db import connection

from recommendations.models import ModelVersion, MovieEmbedding
from recommendations.vectors import recall
from recommendations.vectors.indexes import vector_indexes_build
from tests.factories import embedding, make_movie, make_version

pytestmark = pytest.mark.django_db


@pytest.fixture
def version() -> ModelVersion:
    """A live version with the factors of 60 movies, the first of which is hidden."""
    live, draws = make_version(), np.random.default_rng(1)
    movies = [make_movie(status="hidden" if number == 0 else "published") for number in range(60)]
    MovieEmbedding.objects.bulk_create(embedding(live, movie, draws.normal(size=8).tolist()) for movie in movies)
    with connection.cursor() as cursor:
        # Otherwise no index can be built in this transaction.
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
    return live


def test_without_factors_there_is_nothing_to_measure():
    assert recall.measure_recall(version_id=make_version().pk) is None


def test_an_exact_scan_finds_everything(version):
    found = recall.measure_recall(version_id=version.pk)

    assert found == recall.Recall(1.0, recall.SAMPLE, f"embedding_factors_{version.pk}", indexed=False)


def test_a_small_index_finds_everything(version, settings):
    settings.VECTOR_INDEX_MIN_MOVIES = 10
    vector_indexes_build(version_id=version.pk)

    found = recall.measure_recall(version_id=version.pk)

    assert found is not None
    assert (found.recall, found.indexed) == (1.0, True)


def test_lost_neighbours_lower_the_recall(version, monkeypatch):
    search = recall.nearest_by_factors
    monkeypatch.setattr(recall, "nearest_by_factors", lambda *given: search(*given)[::2])

    found = recall.measure_recall(version_id=version.pk)

    assert found is not None
    assert found.recall == 0.5
