"""The migration to joined factors: rows, index and search of before serve afterwards, and the other way round."""

import json

import numpy as np
import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from recommendations.vectors.search import nearest_by_factors

BEFORE = [("recommendations", "0008_rating_factors")]
INDEX = "SELECT indexdef FROM pg_indexes WHERE indexname = 'embedding_factors_7'"
OLD_SEARCH = (
    "SELECT movie_id, likeness FROM recommendations_nearest_by_factors(%s, %s::vector, '{}'::bigint[], 5, NULL, 20000)"
)
MOVIES = 12
# Takes numbers beyond half precision.
LARGE = 1e6


def execute(sql: str, *params) -> list[tuple]:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return cursor.fetchall() if cursor.description else []


def text(vector: np.ndarray) -> str:
    return str(vector.tolist())


def migrate_to_newest() -> None:
    executor = MigrationExecutor(connection)
    executor.migrate(executor.loader.graph.leaf_nodes())


@pytest.fixture
def factors() -> np.ndarray:
    """Few-shot factors of MOVIES movies. The first movie's query factors are LARGE times as large."""
    return np.random.default_rng(0).normal(size=(MOVIES, 128)).astype(np.float16).astype(np.float32)


@pytest.fixture
def before(transactional_db, factors):
    """The tables as they were, with version 7, its vectors and its index, and a movie without factors."""
    MigrationExecutor(connection).migrate(BEFORE)
    try:
        fill(factors)
        yield
    finally:
        migrate_to_newest()
        execute("DROP INDEX IF EXISTS embedding_factors_7")


def fill(factors: np.ndarray) -> None:
    execute(
        "INSERT INTO recommendations_modelversion (id, status, trigger, algorithm, hyperparameters, metrics, people,"
        " movies, interactions, stage, progress, error, refusal, attempts, artefacts, created_at) VALUES (7, 'live',"
        " 'manual', '', '{}', '{}', 0, 0, 0, '', 0, '', '', 0, '{}', now())"
    )
    for number in range(MOVIES + 1):
        known = number < MOVIES
        execute(
            "INSERT INTO movies_movie (id, title, status, overview, keywords, language, poster_url, imdb_id,"
            " created_at, content_changed_at) VALUES (%s, 'Movie', 'published', '', '{}', '', '', '', now(), now())",
            number + 1,
        )
        execute(
            "INSERT INTO recommendations_movieembedding (version_id, movie_id, content, query_factors, item_factors,"
            " factors_source, updated_at) VALUES (7, %s, array_fill(1::real, ARRAY[384])::vector, %s, %s, 'trained',"
            " now())",
            number + 1,
            text(factors[number] * (1 if number else LARGE)) if known else None,
            text(2 * factors[number]) if known else None,
        )
    execute(
        "CREATE INDEX embedding_factors_7 ON recommendations_movieembedding USING hnsw"
        " ((item_factors::halfvec(128)) halfvec_ip_ops) WHERE version_id = 7"
    )


def rows() -> dict[int, tuple[np.ndarray, np.ndarray]]:
    found = execute(
        "SELECT movie_id, query_factors::text, item_factors::text FROM recommendations_movieembedding"
        " WHERE item_factors IS NOT NULL"
    )
    return {movie_id: (np.array(json.loads(query)), np.array(json.loads(item))) for movie_id, query, item in found}


def test_rows_and_index_of_before_are_searched_after(before, factors):
    migrate_to_newest()

    found = rows()
    assert len(found) == MOVIES
    for number, row in enumerate(factors):
        query, item = found[number + 1]
        of_before = row if number else np.clip(LARGE * row, -60_000, 60_000)
        assert query.tolist() == pytest.approx([*of_before, *[0] * 128], rel=1e-3)
        assert item.tolist() == pytest.approx([*2 * row, *[0] * 129], rel=1e-3)
    [[index]] = execute(INDEX)
    assert "(item_factors halfvec_ip_ops) WHERE (version_id = 7)" in index
    query = np.zeros(257, np.float32)
    query[:128] = factors[3]
    best = 1 + np.argsort(-(factors @ factors[3]))[:5]
    assert [movie_id for movie_id, _ in nearest_by_factors(7, query, 5)] == best.tolist()


def test_the_migration_is_undone(before, factors):
    migrate_to_newest()
    MigrationExecutor(connection).migrate(BEFORE)

    found = rows()
    assert len(found) == MOVIES
    for number, row in enumerate(factors[1:], start=2):
        assert found[number][0].tolist() == pytest.approx(row, rel=1e-3)
        assert found[number][1].tolist() == pytest.approx(2 * row, rel=1e-3)
    [[index]] = execute(INDEX)
    assert "halfvec(128)" in index
    best = 1 + np.argsort(-(factors @ factors[3]))[:5]
    assert [movie_id for movie_id, _ in execute(OLD_SEARCH, 7, text(factors[3]))] == best.tolist()
