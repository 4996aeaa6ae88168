"""The import of a MovieLens archive: movies, people, ratings and tags, all or nothing."""

import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path

from django.db import connection, transaction

from events.imports.deferred_indexes import rebuilt_after, try_exclusive_lock
from events.imports.prefetch import read_ahead
from events.imports.ratings import RatingLoader
from events.imports.tags import tags_load
from events.imports.user_ids import People
from events.models import Rating
from movies.caching.version_tokens import invalidate_catalogue_on_commit
from movies.imports.lock import acquire_import_lock
from movies.imports.progress import OnProgress, Progress, silent
from movies.imports.services import catalogue_load
from movies.movielens.archive import Archive, dataset_name, open_archive
from movies.movielens.errors import BadLines

RATINGS_TABLE = "events_rating"
# From this many ratings on, a first load builds keys and indexes after the rows.
REBUILD_FROM = 10_000
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
    """What an import did. ``bad_lines`` counts skipped lines by reason; ``report`` is where they are written."""

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

    All in one transaction: on any error, and when interrupted, the database stays as it was. A second run changes no
    row. One import runs at a time; another waits. Raises ``ArchiveError`` for an unreadable archive and, without
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
    """One run, inside its transaction."""

    archive: Archive
    bad: BadLines
    show: OnProgress
    summary: ImportSummary

    def run(self) -> None:
        people = People(self.summary.dataset)
        with _checked_at_once():
            movie_ids = self._movies()
            self._ratings(people, movie_ids)
            self._tags(people, movie_ids)
        self.summary.people_new, self.summary.people_known = people.new, people.known

    def _movies(self) -> dict[int, int]:
        """Database ids of the movies by the data set's ids."""
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

    def _ratings(self, people: People, movie_ids: dict[int, int]) -> None:
        started = time.perf_counter()
        total = self.archive.ratings_size
        self.show(Progress("ratings", 0, total))
        with _ready_for_ratings(total // _BYTES_A_RATING, people):
            loader = RatingLoader(people, movie_ids)
            reading = _Reading()
            for frame in read_ahead(self.archive.ratings(self.bad, movie_ids, on_read=reading)):
                loader.load(frame)
                self.show(Progress("ratings", min(reading.done, total), total))
        self.show(Progress("ratings", total, total))
        counts = loader.counts
        self.summary.ratings_new, self.summary.ratings_changed = counts.new, counts.changed
        self.summary.ratings_unchanged = counts.unchanged
        self.summary.ratings_seconds = time.perf_counter() - started

    def _tags(self, people: People, movie_ids: dict[int, int]) -> None:
        total = self.archive.tags_size
        if not total:
            return
        reading = _Reading()
        self.show(Progress("tags", 0, total))
        tags = self.archive.tags(self.bad, set(movie_ids), on_read=reading)
        for new, known in tags_load(tags=tags, people=people, movie_ids=movie_ids):
            self.summary.tags_new += new
            self.summary.tags_known += known
            self.show(Progress("tags", min(reading.done, total), total))


class _Reading:
    """Remembers how many bytes of a file were read."""

    done = 0

    def __call__(self, read: int) -> None:
        self.done = read


@contextmanager
def _checked_at_once() -> Iterator[None]:
    """Foreign keys are checked with each statement: 30 million checks kept for the end would fill the memory."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
    yield
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL DEFERRED")


@contextmanager
def _ready_for_ratings(expected: int, people: People) -> Iterator[None]:
    """Sets the ratings table up for about ``expected`` rows: a first load builds keys and indexes afterwards."""
    first_load = expected >= REBUILD_FROM and not people.known and _is_nearly_empty(expected)
    rebuild = first_load and try_exclusive_lock(RATINGS_TABLE)
    with rebuilt_after(RATINGS_TABLE) if rebuild else nullcontext():
        yield


def _is_nearly_empty(expected: int) -> bool:
    """Whether what the table holds is under a tenth of what comes, so that indexing it anew costs next to nothing."""
    few = max(expected // 10, 1)
    return Rating.objects.order_by()[:few].count() < few


def _analyze() -> None:
    """Inside the transaction: whoever reads next plans with what is there."""
    with connection.cursor() as cursor:
        cursor.execute(f"ANALYZE {', '.join(_ANALYZED)}")
