"""The nearest movies, by an index and without one, through what serving calls."""

from collections.abc import Iterator

import numpy as np
import psycopg
import pytest
from django.db import connection, transaction

from movies.models import Genre, Movie
from movies.services import movies_hide
from recommendations.algorithms.listing.session_query import FEW_SHOT_DIMENSIONS
from recommendations.models import CONTENT_DIMENSIONS, ITEM_DIMENSIONS, QUERY_DIMENSIONS, ModelVersion, MovieEmbedding
from recommendations.retrieval.candidates import nearest_movies, nearest_to_each, nearest_to_mood
from recommendations.retrieval.filters import ListFilters
from recommendations.training.publishing import version_drop, version_publish
from recommendations.vectors import indexes as vector_indexes
from recommendations.vectors import search as vector_search
from recommendations.vectors.indexes import vector_indexes_build
from recommendations.vectors.neighbours import similar_movies
from recommendations.vectors.search import nearest_by_factors
from tests.factories import make_embedding, make_genre, make_movie, make_version
from tests.snapshots import Snapshot

COUNT = 300
INDEXES = "SELECT indexname FROM pg_indexes WHERE indexname LIKE 'embedding_%%' AND indexdef LIKE '%% hnsw %%'"

READ = (
    "SELECT idx_tup_fetch + seq_tup_read FROM pg_stat_xact_user_tables WHERE relname = 'recommendations_movieembedding'"
)


class Catalogue:
    """COUNT movies with random factors, every third of the genre Third, and one version ready to go live."""

    def __init__(self) -> None:
        rng = np.random.default_rng(0)
        Movie.objects.bulk_create(Movie(title=f"Movie {n}", year=2000) for n in range(COUNT))
        self.movies = list(Movie.objects.order_by("pk"))
        make_genre("Third").movies.set(self.movies[::3])
        self.factors = rng.normal(size=(COUNT, ITEM_DIMENSIONS)).astype(np.float16).astype(np.float32)
        self.contents = rng.normal(size=(COUNT, CONTENT_DIMENSIONS)).astype(np.float32)
        self.query = rng.normal(size=ITEM_DIMENSIONS).astype(np.float32)
        self.version = self.version_of(self.factors)

    def version_of(self, factors: np.ndarray) -> ModelVersion:
        version = make_version(ModelVersion.Status.READY)
        MovieEmbedding.objects.bulk_create(
            MovieEmbedding(
                version=version, movie=m, content=content, query_factors=f[:QUERY_DIMENSIONS], item_factors=f
            )
            for m, f, content in zip(self.movies, factors, self.contents, strict=True)
        )
        return version

    def best(self, limit: int, without: set[int] = frozenset(), step: int = 1) -> list[int]:
        """What is right, by NumPy: ids of every ``step``-th movie that is not left out, best first."""
        order = np.argsort(-(self.factors @ self.query))
        ids = [self.movies[place].pk for place in order if place % step == 0]
        return [pk for pk in ids if pk not in without][:limit]


def indexes() -> set[str]:
    with connection.cursor() as cursor:
        cursor.execute(INDEXES)
        return {row[0] for row in cursor.fetchall()}


def rows_read(call) -> tuple[list[int], int]:
    """What the call finds, and how many rows of vectors it read."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(READ)
        before = cursor.fetchone()[0]
        found = call()
        cursor.execute(READ)
        return found, cursor.fetchone()[0] - before


_catalogue = Snapshot(Catalogue, [ModelVersion, Movie, Genre, Movie.genres.through, MovieEmbedding])


@pytest.fixture(params=["indexed", "plain"])
def either(request, transactional_db, settings) -> Iterator[Catalogue]:
    """The catalogue published with indexes and without."""
    settings.VECTOR_INDEX_MIN_MOVIES = COUNT if request.param == "indexed" else COUNT + 1
    catalogue = _catalogue()
    version_publish(version=catalogue.version)
    yield catalogue
    with connection.cursor() as cursor:
        for name in indexes():
            cursor.execute(f"DROP INDEX {name}")


@pytest.fixture
def indexed(either) -> Catalogue:
    """The one with indexes, for tests with ``only_indexed``."""
    return either


only_indexed = pytest.mark.parametrize("either", ["indexed"], indirect=True)


def test_the_nearest_come_best_first_without_those_left_out(either):
    seen = set(either.best(60)[::2])

    found = nearest_movies(either.version.pk, either.query, seen, 20)

    assert found == either.best(20, without=seen)


@pytest.mark.parametrize("scale", [1e-30, 1e-6, 1.0, 1e6, 1e30])
def test_a_query_of_any_size_finds_the_same_movies(either, scale):
    query = (either.query * scale).astype(np.float32)

    found = nearest_by_factors(either.version.pk, query, 20)

    assert [movie_id for movie_id, _ in found] == either.best(20)
    best = np.sort(either.factors.astype(np.float64) @ query)[::-1][:20]
    assert [product for _, product in found] == pytest.approx(best, rel=1e-3)
    assert nearest_to_each(either.version.pk, [query], [], 20) == [set(either.best(20))]


def test_a_query_of_zeros_or_without_the_next_item_part_is_searched_as_well(either):
    few_shot = either.query[:FEW_SHOT_DIMENSIONS]
    products = either.factors[:, :FEW_SHOT_DIMENSIONS] @ few_shot

    assert len(nearest_movies(either.version.pk, np.zeros(ITEM_DIMENSIONS, np.float32), [], 20)) == 20
    found = nearest_movies(either.version.pk, few_shot, [], 20)
    assert found == [either.movies[place].pk for place in np.argsort(-products)[:20]]


def test_what_was_hidden_a_moment_ago_is_not_found(either):
    hidden = either.best(5)
    movies_hide(movie_ids=hidden)

    assert nearest_movies(either.version.pk, either.query, [], 20) == either.best(20, without=set(hidden))


@pytest.mark.parametrize("few", [0, COUNT])
def test_a_filter_costs_no_rows(either, monkeypatch, few):
    monkeypatch.setattr(vector_search, "EXACT_SCAN_LIMIT", few)
    filters = ListFilters(genres=("third",))
    everything = nearest_movies(either.version.pk, either.query, [], COUNT, filters)

    assert nearest_movies(either.version.pk, either.query, [], 30, filters) == either.best(30, step=3)
    assert everything == either.best(COUNT, step=3)
    assert nearest_movies(either.version.pk, either.query, [], 10, ListFilters(year_from=2001)) == []


def test_a_planned_search_outlives_a_restored_database(either):
    """A restored backup creates pgvector's types again: a statement planned with the old ones fails for good."""
    for _ in range(3):
        nearest_movies(either.version.pk, either.query, [], 20)

    with connection.cursor() as cursor:
        cursor.execute("SELECT statement, parameter_types::oid[] FROM pg_prepared_statements")
        types = [kinds for statement, kinds in cursor.fetchall() if "nearest_by_factors" in statement]
    assert types
    # Types of extensions are numbered from here.
    assert max(max(kinds) for kinds in types) < 16384


def test_a_list_that_can_be_filled_is_full_whatever_is_left_out(either):
    seen = set(either.best(COUNT - 10))

    assert set(nearest_movies(either.version.pk, either.query, seen, 50)) == set(either.best(COUNT)) - seen


def test_movies_without_factors_are_left_out(either):
    make_embedding(either.version, make_movie("No factors"), None)

    assert set(nearest_movies(either.version.pk, either.query, [], 2 * COUNT)) == set(either.best(COUNT))


def test_texts_are_found_by_what_they_mean(either):
    own = either.movies[7].pk

    found = nearest_to_mood(either.version.pk, either.contents[7], [], 10, ListFilters())

    assert found[0] == own
    assert len(found) == 10
    assert own not in nearest_to_mood(either.version.pk, either.contents[7], [own], 10, ListFilters())


def test_movies_like_one_come_with_how_near_they_are(either):
    own = either.movies[7].pk
    MovieEmbedding.objects.filter(movie=either.movies[9]).update(item_factors=None)

    found = similar_movies(either.version.pk, own, 20)

    rows = [either.movies.index(Movie.objects.get(pk=pk)) for pk in found.movie_ids]
    contents = either.contents / np.linalg.norm(either.contents, axis=1, keepdims=True)
    by_few_shot = either.factors[:, :FEW_SHOT_DIMENSIONS] @ either.factors[7, :FEW_SHOT_DIMENSIONS]
    taste = np.where(np.array(rows) == 9, np.nan, by_few_shot[rows])
    assert own not in found.movie_ids
    assert found.by_taste == pytest.approx(taste, rel=1e-3, abs=1e-3, nan_ok=True)
    assert found.by_content == pytest.approx((contents @ contents[7])[rows], abs=1e-4)
    assert set(np.argsort(-(contents @ contents[7]))[1:11]) <= set(rows)


def test_a_movie_without_factors_is_matched_by_its_text_alone(either):
    MovieEmbedding.objects.filter(movie=either.movies[7]).update(item_factors=None, query_factors=None)

    found = similar_movies(either.version.pk, either.movies[7].pk, 20)

    assert len(found.movie_ids) == 20
    assert np.isnan(found.by_taste).all()
    assert (found.by_content > 0).all()


@only_indexed
def test_an_index_spares_reading_every_vector(indexed):
    found, read = rows_read(lambda: nearest_movies(indexed.version.pk, indexed.query, [], 10))
    with connection.cursor() as cursor:
        cursor.execute(f"DROP INDEX embedding_factors_{indexed.version.pk}")
    again, read_without = rows_read(lambda: nearest_movies(indexed.version.pk, indexed.query, [], 10))

    assert found == again == indexed.best(10)
    assert read < COUNT / 3
    assert read_without >= COUNT


@only_indexed
def test_the_settings_of_a_search_end_with_it(indexed):
    with connection.cursor() as cursor:
        cursor.execute("SHOW enable_sort")
        before = cursor.fetchone()
    with transaction.atomic(), connection.cursor() as cursor:
        nearest_movies(indexed.version.pk, indexed.query, [], 10)
        cursor.execute("SHOW enable_sort")
        assert cursor.fetchone() == before
        cursor.execute("SHOW hnsw.ef_search")
        assert cursor.fetchone() == ("40",)


@only_indexed
def test_a_movie_that_gets_vectors_later_is_in_the_index(indexed):
    late = make_movie("Late")
    make_embedding(indexed.version, late, (100 * indexed.query).tolist(), query=[1.0])

    assert nearest_movies(indexed.version.pk, indexed.query, [], 3) == [late.pk, *indexed.best(2)]


@only_indexed
def test_two_versions_kept_do_not_meet(indexed):
    newer = indexed.version_of(-indexed.factors)
    version_publish(version=newer)

    assert nearest_movies(indexed.version.pk, indexed.query, [], 20) == indexed.best(20)
    assert nearest_movies(newer.pk, -indexed.query, [], 20) == indexed.best(20)
    assert len(indexes()) == 4


@only_indexed
def test_the_indexes_of_a_version_go_with_its_rows(indexed):
    newer = indexed.version_of(indexed.factors)
    version_publish(version=newer)
    version_drop(version_id=indexed.version.pk, among=ModelVersion.objects.all)

    assert indexes() == {f"embedding_factors_{newer.pk}", f"embedding_content_{newer.pk}"}
    assert nearest_movies(indexed.version.pk, indexed.query, [], 20) == []


@only_indexed
def test_a_version_is_published_without_indexes_if_they_fail(indexed, monkeypatch):
    newer = indexed.version_of(indexed.factors)
    monkeypatch.setattr(vector_indexes, "_BUILD_MEMORY", "a lot")
    version_publish(version=newer)

    newer.refresh_from_db()
    assert newer.status == ModelVersion.Status.LIVE
    assert len(indexes()) == 2
    assert nearest_movies(newer.pk, indexed.query, [], 20) == indexed.best(20)
    monkeypatch.undo()
    assert len(vector_indexes_build(version_id=newer.pk)) == 2


@only_indexed
def test_indexes_in_use_stay_until_the_next_time(indexed, monkeypatch):
    monkeypatch.setattr(vector_indexes, "_DROP_PATIENCE", "50ms")
    newer = indexed.version_of(indexed.factors)
    version_publish(version=newer)
    with psycopg.connect(**connection.get_connection_params() | {"cursor_factory": None}) as reader:
        reader.execute("SELECT count(*) FROM recommendations_movieembedding")
        version_drop(version_id=indexed.version.pk, among=ModelVersion.objects.all)
        assert len(indexes()) == 4
    assert not MovieEmbedding.objects.filter(version=indexed.version).exists()
    version_drop(version_id=indexed.version.pk, among=ModelVersion.objects.all)

    assert len(indexes()) == 2


@only_indexed
def test_indexes_are_built_once_and_only_for_many_movies(indexed, settings):
    assert vector_indexes_build(version_id=indexed.version.pk) == []
    settings.VECTOR_INDEX_MIN_MOVIES = COUNT + 1
    small = indexed.version_of(indexed.factors)

    assert vector_indexes_build(version_id=small.pk) == []
    assert len(indexes()) == 2
