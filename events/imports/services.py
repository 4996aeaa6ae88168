"""Imports a MovieLens archive: movies, users, ratings and tags, all or nothing."""

import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path

from django.db import connection, transaction

from events.imports.deferred_indexes import deferred_indexes, try_exclusive_lock
from events.imports.prefetch import prefetch
from events.imports.ratings import RatingLoader
from events.imports.tags import tags_load
from events.imports.user_ids import UserIdResolver
from events.models import Rating
from movies.caching.version_tokens import invalidate_catalogue_on_commit
from movies.imports.lock import acquire_import_lock
from movies.imports.progress import OnProgress, Progress, silent
from movies.imports.services import catalogue_load
from movies.movielens.archive import Archive, dataset_name, open_archive
from movies.movielens.errors import BadLines

RATINGS_TABLE = "events_rating"
# A first load of at least this many ratings builds keys and indexes after the rows.
MIN_DEFERRED_RATINGS = 10_000
_BYTES_A_RATING = 24
_ANALYZED = (
    "accounts_user",
    "movies_movie",
    "movies_genre",
    "movies_movie_genres",
    "movies_datasetmovie",
    RATINGS_TABLE,
    "events_tag",
)


@dataclass
class ImportSummary:
    """The result of an import. ``bad_lines`` counts skipped lines by reason; ``report`` is the file that lists them."""

    dataset: str
    movies_new: int = 0
    movies_known: int = 0
    movies_filled: int = 0
    people_new: int = 0
    people_known: int = 0
    ratings_new: int = 0
    ratings_changed: int = 0
    ratings_unchanged: int = 0
    tags_new: int = 0
    tags_known: int = 0
    bad_lines: dict[str, int] = field(default_factory=dict)
    report: Path | None = None
    seconds: float = 0.0
    ratings_seconds: float = 0.0

    @property
    def ratings(self) -> int:
        return self.ratings_new + self.ratings_changed + self.ratings_unchanged

    @property
    def ratings_per_second(self) -> float:
        return self.ratings / self.ratings_seconds if self.ratings_seconds else 0.0

    @property
    def changed(self) -> bool:
        """Whether any row was written."""
        return any(
            (
                *(self.movies_new, self.movies_filled, self.people_new),
                *(self.ratings_new, self.ratings_changed, self.tags_new),
            )
        )


def movielens_import(
    *,
    path: Path | str,
    dataset: str | None = None,
    skip_bad: bool = False,
    report: Path | None = None,
    on_progress: OnProgress | None = None,
) -> ImportSummary:
    """Imports a MovieLens folder or zip under the name ``dataset``, by default its folder's name.

    Runs in one transaction: on an error or interruption, nothing is changed. A second run changes no row. One import
    runs at a time; another waits. Raises ``ArchiveError`` for an unreadable archive and, without
    ``skip_bad``, ``BadLineError`` for the first malformed line. With it they are skipped, counted, and written to
    ``report`` (CSV: file,line,reason,text); where more of a file is malformed than not, ``TooManyBadLinesError``.
    """
    started = time.perf_counter()
    show = on_progress or silent
    with open_archive(path) as archive, BadLines(skip=skip_bad, report=report) as bad:
        summary = ImportSummary(dataset_name(dataset or archive.name))
        with transaction.atomic():
            acquire_import_lock(on_wait=lambda: show(Progress("waiting for another import")))
            _Import(archive, bad, show, summary).run()
            if summary.changed:
                show(Progress("statistics"))
                _analyze()
                invalidate_catalogue_on_commit()
    summary.bad_lines = dict(bad.counts)
    summary.report = report if bad.total else None
    summary.seconds = time.perf_counter() - started
    return summary


@dataclass
class _Import:
    """A run of an import, inside its transaction."""

    archive: Archive
    bad: BadLines
    show: OnProgress
    summary: ImportSummary

    def run(self) -> None:
        resolver = UserIdResolver(self.summary.dataset)
        with _immediate_constraints():
            movie_ids = self._movies()
            self._ratings(resolver, movie_ids)
            self._tags(resolver, movie_ids)
        self.summary.people_new, self.summary.people_known = resolver.new, resolver.known

    def _movies(self) -> dict[int, int]:
        """Imports the movies; returns database ids by the data set's ids."""
        self.show(Progress("movies"))
        movies = self.archive.movies(self.bad)
        links = self.archive.links(self.bad, {movie.id for movie in movies})
        result = catalogue_load(
            dataset=self.summary.dataset, movies=movies, links=links, canonical=self.archive.canonical
        )
        self.summary.movies_new, self.summary.movies_known = result.new, result.known
        self.summary.movies_filled = result.filled
        self.show(Progress("movies", len(movies), len(movies)))
        return result.ids

    def _ratings(self, resolver: UserIdResolver, movie_ids: dict[int, int]) -> None:
        started = time.perf_counter()
        total = self.archive.ratings_size
        self.show(Progress("ratings", 0, total))
        with _ratings_table_ready(total // _BYTES_A_RATING, resolver):
            loader = RatingLoader(resolver, movie_ids)
            reading = _ByteCounter()
            for frame in prefetch(self.archive.ratings(self.bad, movie_ids, on_read=reading)):
                loader.load(frame)
                self.show(Progress("ratings", min(reading.done, total), total))
        self.show(Progress("ratings", total, total))
        counts = loader.counts
        self.summary.ratings_new, self.summary.ratings_changed = counts.new, counts.changed
        self.summary.ratings_unchanged = counts.unchanged
        self.summary.ratings_seconds = time.perf_counter() - started

    def _tags(self, resolver: UserIdResolver, movie_ids: dict[int, int]) -> None:
        total = self.archive.tags_size
        if not total:
            return
        reading = _ByteCounter()
        self.show(Progress("tags", 0, total))
        tags = self.archive.tags(self.bad, set(movie_ids), on_read=reading)
        for new, known in tags_load(tags=tags, resolver=resolver, movie_ids=movie_ids):
            self.summary.tags_new += new
            self.summary.tags_known += known
            self.show(Progress("tags", min(reading.done, total), total))


class _ByteCounter:
    """Records how many bytes of a file were read."""

    done = 0

    def __call__(self, read: int) -> None:
        self.done = read


@contextmanager
def _immediate_constraints() -> Iterator[None]:
    """Checks foreign keys with each statement: 30 million deferred checks would exhaust the memory."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
    yield
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL DEFERRED")


@contextmanager
def _ratings_table_ready(expected: int, resolver: UserIdResolver) -> Iterator[None]:
    """Prepares the ratings table for about ``expected`` rows: a large first load builds keys and indexes at the end."""
    first_load = expected >= MIN_DEFERRED_RATINGS and not resolver.known and _is_nearly_empty(expected)
    defer = first_load and try_exclusive_lock(RATINGS_TABLE)
    with deferred_indexes(RATINGS_TABLE) if defer else nullcontext():
        yield


def _is_nearly_empty(expected: int) -> bool:
    """Whether the table holds less than a tenth of the expected rows, so that reindexing them costs little."""
    few = max(expected // 10, 1)
    return Rating.objects.order_by()[:few].count() < few


def _analyze() -> None:
    """Updates the statistics inside the transaction, so that the next queries are planned with the new rows."""
    with connection.cursor() as cursor:
        cursor.execute(f"ANALYZE {', '.join(_ANALYZED)}")
