"""The speed layer's search, candidates.nearest_movies itself: looking at everything, by an index, and as it chooses.

    DJANGO_SETTINGS_MODULE=recsys_project.settings.local python benchmarks/factor_search.py --movies 10000 100000

Works in a database of its own on the configured server, as the tests do, and drops it at the end. Its factors are
synthetic: groups of movies around 64 directions, some of them far more popular; a query is the mean of ten movies'
factors, as a person's is. Genres of one movie in a hundred and one in ten are the filters, and one movie in 500 is
hidden. What is timed is a call with all its rows, on one connection; recall is against the right answer by NumPy. The
time on a core is PostgreSQL's, a call's mean, known where it runs on this machine: others' work hardly changes it.

- exact: there is no index; the movies that pass the filter are scanned one by one.
- index: HNSW on the factors, which goes on searching until enough have passed the filter.
- chosen: what serving does, with the index and the limits that are shipped.
"""

import argparse
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.scratch_site import scratch_database

DATABASE = "benchmark_factor_search"
# Of joined factors: few-shot, next-item, bias.
RANK = 257
SHARES = (100, 10)
# (rows wanted, movies to leave out): a page of similar movies; what a person's list asks for.
DEMANDS = ((20, 0), (100, 300))


class Catalogue(NamedTuple):
    """The movies' ids (n,), factors (n, RANK), and which may be found under each filter's slug, (n,); "" is none."""

    version_id: int
    ids: NDArray[np.int64]
    factors: NDArray[np.float32]
    passing: dict[str, NDArray[np.bool_]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--movies", type=int, nargs="+", default=[10_000, 100_000], help="2000 or more each")
    parser.add_argument("--queries", type=int, default=100, help="at least 1 (default: 100)")
    options = parser.parse_args()
    if min(options.movies) < 2000 or options.queries < 1:
        parser.error("--movies must be 2000 or more, --queries 1 or more")
    for movies in options.movies:
        with scratch_database(DATABASE):
            run(movies, options.queries)


def run(movies: int, queries: int) -> None:
    """Fill the catalogue, measure each way, print the table."""
    from django.conf import settings  # noqa: PLC0415
    from django.db import connection  # noqa: PLC0415

    from recommendations.vectors import search as vector_search  # noqa: PLC0415
    from recommendations.vectors.indexes import vector_indexes_build  # noqa: PLC0415

    rng = np.random.default_rng(0)
    catalogue = fill(movies, rng)
    asked = np.stack([catalogue.factors[rng.integers(movies, size=10)].mean(axis=0) for _ in range(queries)])
    console, limit, rows = Console(width=120), vector_search.EXACT_SCAN_LIMIT, {}
    vector_search.EXACT_SCAN_LIMIT = movies
    rows["exact"] = measure_all(catalogue, asked)
    settings.VECTOR_INDEX_MIN_MOVIES = 0
    started = time.perf_counter()
    vector_indexes_build(version_id=catalogue.version_id)
    console.print(f"{movies:,} movies: indexes of factors and content built in {time.perf_counter() - started:.0f} s")
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE recommendations_movieembedding")
    vector_search.EXACT_SCAN_LIMIT = 0
    rows["index"] = measure_all(catalogue, asked)
    vector_search.EXACT_SCAN_LIMIT = limit
    rows["chosen"] = measure_all(catalogue, asked)
    table = Table(title=f"{movies:,} movies, {RANK} factors")
    for column in ("wanted", "left out", "filter", "search", "rows", "recall", "p50 ms", "p99 ms", "core ms"):
        table.add_column(column, justify="left" if column in ("filter", "search") else "right")
    for case in rows["exact"]:
        for search, found in rows.items():
            table.add_row(*case, search, *found[case])
    console.print(table)


def fill(movies: int, rng: np.random.Generator) -> Catalogue:
    """Movies, genres and vectors, in the database and as arrays."""
    from django.db import connection  # noqa: PLC0415
    from django.utils import timezone  # noqa: PLC0415

    from movies.models import Genre, Movie  # noqa: PLC0415
    from recommendations.models import ModelVersion  # noqa: PLC0415
    from recommendations.vectors.writing import embeddings_write  # noqa: PLC0415

    hidden = np.arange(movies) % 500 == 7
    Movie.objects.bulk_create(
        (Movie(title=f"Movie {n}", status="hidden" if hidden[n] else "published") for n in range(movies)),
        batch_size=5000,
    )
    ids = np.array(Movie.objects.order_by("pk").values_list("pk", flat=True), np.int64)
    passing = {"": ~hidden}
    for share in SHARES:
        genre = Genre.objects.create(name=f"One in {share}", slug=f"one-in-{share}")
        through = Movie.genres.through
        chosen = rng.permutation(movies)[: movies // share]
        rows = (through(movie_id=pk, genre_id=genre.pk) for pk in ids[chosen].tolist())
        through.objects.bulk_create(rows, batch_size=5000)
        passing[genre.slug] = ~hidden & np.isin(np.arange(movies), chosen)
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
        factors=(factors[:, :-1], factors),
        trained=np.ones(movies, np.bool_),
        read_at=timezone.now(),
    )
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
    return Catalogue(version.pk, ids, factors, passing)


def measure_all(catalogue: Catalogue, queries: NDArray[np.float32]) -> dict[tuple[str, ...], tuple[str, ...]]:
    """For each (wanted, left out, filter): least rows, recall@20, p50, p99 and PostgreSQL's time on a core, as text."""
    return {
        (str(wanted), str(left_out), slug or "none"): measure(catalogue, queries, wanted, left_out, slug)
        for wanted, left_out in DEMANDS
        for slug in catalogue.passing
    }


def measure(
    catalogue: Catalogue, queries: NDArray[np.float32], wanted: int, left_out: int, slug: str
) -> tuple[str, ...]:
    """One kind of search with every query, the first asked once before so that nothing is read from the disk."""
    from recommendations.retrieval.candidates import nearest_movies  # noqa: PLC0415
    from recommendations.retrieval.filters import ListFilters  # noqa: PLC0415

    filters: Any = ListFilters(genres=(slug,)) if slug else None
    seconds, recalls, rows, busy = [], [], [], 0.0
    for number, query in enumerate(queries):
        products = catalogue.factors @ query
        # Half of the nearest are left out: people have seen much of what they would like.
        seen = np.argsort(-products)[: 2 * left_out : 2]
        products[~catalogue.passing[slug]] = -np.inf
        products[seen] = -np.inf
        right = catalogue.ids[np.argsort(-products)[:wanted][:20]]
        exclude = set(catalogue.ids[seen].tolist())
        if number == 0:
            nearest_movies(catalogue.version_id, query, exclude, wanted, filters)
        before, started = server_seconds(), time.perf_counter()
        found = nearest_movies(catalogue.version_id, query, exclude, wanted, filters)
        seconds.append(time.perf_counter() - started)
        busy += server_seconds() - before
        rows.append(len(found))
        recalls.append(np.isin(right, found[:20]).mean())
    return (
        str(min(rows)),
        f"{np.mean(recalls):.3f}",
        f"{1000 * np.median(seconds):.1f}",
        f"{1000 * np.quantile(seconds, 0.99):.1f}",
        f"{1000 * busy / len(queries):.1f}" if busy else "",
    )


def server_seconds() -> float:
    """How long the connection's server process has run on a core; 0 where it is on another machine."""
    from django.db import connection  # noqa: PLC0415

    try:
        text = Path(f"/proc/{connection.connection.info.backend_pid}/schedstat").read_text(encoding="ascii")
    except OSError:
        return 0.0
    return int(text.split()[0]) / 1e9


if __name__ == "__main__":
    main()
