"""Searching item factors under a filter: an exact scan against an HNSW index, by rows returned, recall and time.

    DJANGO_SETTINGS_MODULE=recsys_project.settings.local python benchmarks/factor_search.py --movies 100000

Works in a database of its own on the configured server, as the tests do, and drops it at the end. Its factors are
synthetic: groups of movies around 64 directions, some of them far more popular. A filter that one movie in a hundred
passes stands for a genre. What is timed is each query with all its rows fetched, on one connection.

- exact: candidates.nearest_movies' way: filter, then sort everything that passes by inner product.
- hnsw: an index on item_factors; the filter applies after the search, so a plain search runs out of rows (traps 18).
- hnsw, iterative: the same, which goes on searching until the rows are there (hnsw.iterative_scan).
"""

import argparse
import os
import statistics
import sys
import time
from pathlib import Path
from typing import Any

import django
import numpy as np
from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "recsys_project.settings.local")

DATABASE = "benchmark_factor_search"
LIMIT = 20
RANK = 128
SHARE = 100
_EXACT = """
    SELECT e.movie_id FROM recommendations_movieembedding e
    WHERE e.version_id = %(version)s
        AND NOT EXISTS (SELECT 1 FROM movies_movie m WHERE m.id = e.movie_id AND m.status <> 'published')
    ORDER BY e.item_factors <#> %(query)s::vector LIMIT %(limit)s
"""
# The few movies that pass are found by the genre's index, and their factors by the version and movie's.
_FILTERED = """
    SELECT e.movie_id FROM movies_movie_genres g
    JOIN recommendations_movieembedding e ON e.movie_id = g.movie_id AND e.version_id = %(version)s
    WHERE g.genre_id = %(genre)s
        AND NOT EXISTS (SELECT 1 FROM movies_movie m WHERE m.id = e.movie_id AND m.status <> 'published')
    ORDER BY e.item_factors <#> %(query)s::vector LIMIT %(limit)s
"""
# Written so that only the index can sort.
_INDEXED = """
    SELECT e.movie_id FROM recommendations_movieembedding e
    WHERE e.version_id = %(version)s
        AND EXISTS (SELECT 1 FROM movies_movie_genres g WHERE g.movie_id = e.movie_id AND g.genre_id = %(genre)s)
    ORDER BY e.item_factors <#> %(query)s::vector LIMIT %(limit)s
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--movies", type=int, default=100_000, help="at least 2000 (default: 100000)")
    parser.add_argument("--queries", type=int, default=100, help="at least 1 (default: 100)")
    parser.add_argument("--no-index", action="store_true", help="leave the index out: building it takes minutes")
    options = parser.parse_args()
    if options.movies < 20 * SHARE or options.queries < 1:
        parser.error(f"--movies must be {20 * SHARE} or more, --queries 1 or more")
    django.setup()
    from django.conf import settings  # noqa: PLC0415 -- after the settings are chosen.
    from django.db import connection  # noqa: PLC0415

    settings.DATABASES["default"]["OPTIONS"].pop("pool", None)  # Kept connections would block dropping the database.
    connection.settings_dict["TEST"]["NAME"] = DATABASE
    name = connection.settings_dict["NAME"]
    connection.creation.create_test_db(verbosity=0, autoclobber=True)
    try:
        run(connection, options)
    finally:
        connection.creation.destroy_test_db(name, verbosity=0)


def run(connection: Any, options: argparse.Namespace) -> None:
    """Fill the catalogue, measure each way, print the table."""
    console = Console()
    rng = np.random.default_rng(0)
    ids = fill(options.movies, rng)
    directions = rng.normal(size=(options.queries, RANK)).astype(np.float32)
    queries = [str(query.tolist()) for query in directions]
    table = Table(title=f"{options.movies:,} movies, {RANK} factors, limit {LIMIT}")
    for column in ("search", "filter", "rows, least", "recall@20", "p50 ms", "p99 ms"):
        table.add_column(column, justify="left" if column in ("search", "filter") else "right")
    with connection.cursor() as cursor:
        for share, genre in ids["genres"].items():
            params = {"version": ids["version"], "genre": genre, "limit": LIMIT}
            right = measure(cursor, _FILTERED, params, queries)
            add(table, "exact", share, right, right)
        whole = measure(cursor, _EXACT, {"version": ids["version"], "limit": LIMIT}, queries)
        add(table, "exact", "none", whole, whole)
        if not options.no_index:
            started = time.perf_counter()
            cursor.execute("SET maintenance_work_mem = '512MB'")
            cursor.execute(
                "CREATE INDEX benchmark_hnsw ON recommendations_movieembedding USING hnsw (item_factors vector_ip_ops)"
            )
            console.print(f"index built in {time.perf_counter() - started:.0f} s")
            cursor.execute("SET enable_seqscan = off")
            cursor.execute("SET enable_sort = off")
            for label, mode in (("hnsw, ef 100", "off"), ("hnsw, ef 100, iterative", "relaxed_order")):
                cursor.execute("SET hnsw.ef_search = 100")
                cursor.execute(f"SET hnsw.iterative_scan = {mode}")
                cursor.execute("SET hnsw.max_scan_tuples = 200000")
                for share, genre in ids["genres"].items():
                    params = {"version": ids["version"], "genre": genre, "limit": LIMIT}
                    cursor.execute("SET enable_sort = on")
                    right = measure(cursor, _FILTERED, params, queries)
                    cursor.execute("SET enable_sort = off")
                    add(table, label, share, measure(cursor, _INDEXED, params, queries), right)
                params = {"version": ids["version"], "limit": LIMIT}
                add(table, label, "none", measure(cursor, _EXACT, params, queries), whole)
    console.print(table)


def fill(movies: int, rng: np.random.Generator) -> dict[str, Any]:
    """Movies, genres of one movie in a hundred and one in ten, and vectors; the ids to ask by."""
    from django.db import connection  # noqa: PLC0415
    from django.utils import timezone  # noqa: PLC0415

    from movies.models import Genre, Movie  # noqa: PLC0415
    from recommendations.models import ModelVersion  # noqa: PLC0415
    from recommendations.publishing import embeddings_write  # noqa: PLC0415

    Movie.objects.bulk_create((Movie(title=f"Movie {n}") for n in range(movies)), batch_size=5000)
    ids = np.array(Movie.objects.order_by("pk").values_list("pk", flat=True), np.int64)
    genres = {}
    for share in (SHARE, 10):
        genre = Genre.objects.create(name=f"One in {share}", slug=f"one-in-{share}")
        through = Movie.genres.through
        chosen = rng.permutation(ids)[: movies // share].tolist()
        through.objects.bulk_create([through(movie_id=pk, genre_id=genre.pk) for pk in chosen], batch_size=5000)
        genres[f"{100 // share}%"] = genre.pk
    version = ModelVersion.objects.create(status="live")
    centres = rng.normal(size=(64, RANK)).astype(np.float32)
    popularity = rng.pareto(2, movies).astype(np.float32)[:, None] + 0.1
    factors = (centres[rng.integers(64, size=movies)] + rng.normal(size=(movies, RANK)) * 0.5) * popularity / 10
    factors = factors.astype(np.float32)
    content = rng.normal(size=(movies, 384)).astype(np.float32)
    content /= np.linalg.norm(content, axis=1, keepdims=True)
    embeddings_write(
        version=version,
        movie_ids=ids,
        content=content,
        factors=(factors, factors),
        trained=np.ones(movies, np.bool_),
        read_at=timezone.now(),
    )
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
    return {"version": version.pk, "genres": genres}


def measure(cursor: Any, sql: str, params: dict[str, Any], queries: list[str]) -> list[tuple[list[int], float]]:
    """Each query's rows and seconds, the first asked once before so that nothing is read from the disk."""
    cursor.execute(sql, {**params, "query": queries[0]})
    results = []
    for query in queries:
        started = time.perf_counter()
        cursor.execute(sql, {**params, "query": query})
        rows = [row[0] for row in cursor.fetchall()]
        results.append((rows, time.perf_counter() - started))
    return results


def add(table: Table, search: str, share: str, found: list, right: list) -> None:
    """A row of the table; recall is the share of the exact rows that were found."""
    recall = statistics.mean(
        len(set(rows) & set(exact)) / max(len(exact), 1) for (rows, _), (exact, _) in zip(found, right, strict=True)
    )
    seconds = sorted(taken for _, taken in found)
    table.add_row(
        search,
        share,
        str(min(len(rows) for rows, _ in found)),
        f"{recall:.3f}",
        f"{1000 * statistics.median(seconds):.1f}",
        f"{1000 * seconds[int(0.99 * (len(seconds) - 1))]:.1f}",
    )


if __name__ == "__main__":
    main()
