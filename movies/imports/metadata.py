"""Imports metadata (overview, cast, directors, keywords and more) for movies in the catalogue."""

import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from movies.caching.version_tokens import invalidate_catalogue_on_commit
from movies.imports.credits import credits_replace
from movies.imports.lock import acquire_import_lock
from movies.imports.progress import OnProgress, Progress, silent
from movies.imports.services import genres_ensure
from movies.models import Movie
from movies.movielens.errors import BadLine, BadLines
from movies.movielens.metadata_lines import MetadataFile, MetadataLine, open_metadata
from movies.movielens.titles import match_key, parse_title

BATCH = 1000


@dataclass
class MetadataSummary:
    """The result of a metadata import; ``unmatched`` records match no movie of the catalogue, or several."""

    changed: int = 0
    unchanged: int = 0
    unmatched: int = 0
    ignored_columns: list[str] = field(default_factory=list)
    bad_lines: dict[str, int] = field(default_factory=dict)
    report: Path | None = None
    seconds: float = 0.0


def metadata_import(
    *, path: Path | str, skip_bad: bool = False, report: Path | None = None, on_progress: OnProgress | None = None
) -> MetadataSummary:
    """Imports metadata from a CSV (or a zip with one), all or nothing. A second run changes no row.

    A movie is matched by movielens_id, else tmdb_id, else imdb_id, else title and year. Only columns in the file are
    set, and an empty value keeps the stored one. Cast and directors are replaced as whole lists; genres are added only
    to movies without any. ``content_changed_at`` is updated if a source of the embedding changed: overview, keywords,
    genres or people. Raises ``ArchiveError`` for an unreadable file and, without ``skip_bad``, ``BadLineError`` for the
    first malformed record; with it, ``TooManyBadLinesError`` if most records are malformed.
    """
    started = time.perf_counter()
    show = on_progress or silent
    read = _ByteCounter()
    summary = MetadataSummary()
    with open_metadata(Path(path), read) as file, BadLines(skip=skip_bad, report=report) as bad:
        summary.ignored_columns = file.ignored
        with transaction.atomic():
            acquire_import_lock(on_wait=lambda: show(Progress("waiting for another import")))
            finder = _Finder()
            for batch in _batches(file, bad, finder, summary):
                changed = _apply(batch)
                summary.changed += changed
                summary.unchanged += len(batch) - changed
                show(Progress("metadata", min(read.done, file.size), file.size))
            bad.check_share(file.name, summary.changed + summary.unchanged + summary.unmatched)
            if summary.changed:
                _analyze()
                invalidate_catalogue_on_commit()
        show(Progress("metadata", file.size, file.size))
    summary.bad_lines = dict(bad.counts)
    summary.report = report if bad.total else None
    summary.seconds = time.perf_counter() - started
    return summary


class _ByteCounter:
    done = 0

    def __call__(self, read: int) -> None:
        self.done = read


class _Finder:
    """Indexes the catalogue by all identifiers of a record. Memory: about 300 bytes per movie."""

    def __init__(self) -> None:
        self._movielens: dict[int, int] = {}
        self._tmdb: dict[int, list[int]] = defaultdict(list)
        self._imdb: dict[str, list[int]] = defaultdict(list)
        self._titles: dict[tuple[str, int], list[int]] = defaultdict(list)
        self._keys: dict[tuple[str, int], list[int]] = defaultdict(list)
        self._with_movielens_id: set[int] = set()
        # A line about a duplicate says nothing about the movie it was merged into, which may have a line of its own.
        movies = Movie.objects.exclude(status=Movie.Status.MERGED).order_by("pk")
        rows = movies.values_list("pk", "title", "year", "movielens_id", "tmdb_id", "imdb_id")
        for pk, title, year, movielens_id, tmdb_id, imdb_id in rows.iterator():
            if movielens_id is not None:
                self._movielens[movielens_id] = pk
                self._with_movielens_id.add(pk)
            if tmdb_id is not None:
                self._tmdb[tmdb_id].append(pk)
            if imdb_id:
                self._imdb[imdb_id].append(pk)
            if year is not None:
                self._titles[title.casefold(), year].append(pk)
                self._keys[match_key(title), year].append(pk)

    def find(self, record: MetadataLine) -> int | None:
        """The movie's database id; None if no movie matches, or several match equally."""
        if record.movielens_id in self._movielens:
            return self._movielens[record.movielens_id]
        if record.tmdb_id is not None and len(self._tmdb.get(record.tmdb_id, ())) == 1:
            return self._tmdb[record.tmdb_id][0]
        if len(self._imdb.get(record.imdb_id, ())) == 1:
            return self._imdb[record.imdb_id][0]
        if not record.title or record.year is None:
            return None
        # The title may be in MovieLens' form: "Matrix, The".
        title = parse_title(record.title).text
        for found in (
            self._titles.get((title.casefold(), record.year), []),
            self._keys.get((match_key(title), record.year), []),
        ):
            # A movie with another MovieLens id than the record's is another movie, even with the same title.
            candidates = [pk for pk in found if record.movielens_id is None or pk not in self._with_movielens_id]
            if candidates:
                return candidates[0] if len(candidates) == 1 else None
        return None


def _batches(
    file: MetadataFile, bad: BadLines, finder: _Finder, summary: MetadataSummary
) -> Iterator[dict[int, MetadataLine]]:
    """Yields batches of records by their movie's database id; a second record of a movie goes to ``bad``."""
    first_lines: dict[int, int] = {}
    records = file.records(bad)
    while batch := list(islice(records, BATCH)):
        found: dict[int, MetadataLine] = {}
        for record in batch:
            pk = finder.find(record)
            if pk is None:
                summary.unmatched += 1
            elif pk in first_lines:
                text = f"{record.title} ({record.year}), as line {first_lines[pk]}"
                bad.add(BadLine(file.name, record.line, "a second record of the same film", text))
            else:
                first_lines[pk] = record.line
                found[pk] = record
        if found:
            yield found


def _apply(batch: dict[int, MetadataLine]) -> int:
    """Saves what differs; returns how many movies changed. A fixed number of queries per batch."""
    # Locked, so that a concurrent edit in the admin is not overwritten.
    movies = {
        movie.pk: movie for movie in Movie.objects.select_for_update(no_key=True).filter(pk__in=batch).order_by("pk")
    }
    content = credits_replace(
        credit_lists={pk: {"cast": record.cast, "director": record.directors} for pk, record in batch.items()}
    )
    content |= _genres_add({pk: record.genres for pk, record in batch.items() if record.genres})
    rows: list[Movie] = []
    for pk, movie in movies.items():
        any_changed, content_changed = _set_fields(movie, batch[pk])
        if content_changed:
            content.add(pk)
        if any_changed or content_changed or pk in content:
            rows.append(movie)
    now = timezone.now()
    for movie in rows:
        if movie.pk in content:
            movie.content_changed_at = now
    fields = ["overview", "keywords", "runtime_minutes", "language", "poster_url", "content_changed_at"]
    Movie.objects.bulk_update(rows, fields, batch_size=250)
    return len(rows)


def _set_fields(movie: Movie, record: MetadataLine) -> tuple[bool, bool]:
    """Sets the fields that differ from the record; returns (any field changed, an embedding source changed)."""

    def differ(values: dict[str, Any]) -> bool:
        changed = {name: value for name, value in values.items() if value and getattr(movie, name) != value}
        for name, value in changed.items():
            setattr(movie, name, value)
        return bool(changed)

    content = differ({"overview": record.overview, "keywords": list(record.keywords)})
    other = differ({"runtime_minutes": record.runtime, "language": record.language, "poster_url": record.poster_url})
    return other or content, content


def _genres_add(genre_names: dict[int, Sequence[str]]) -> set[int]:
    """Adds genres to movies that have none; returns the database ids of these movies."""
    pairs = Movie.genres.through
    have = set(pairs.objects.filter(movie_id__in=genre_names).values_list("movie_id", flat=True))
    without_genres = {pk: names for pk, names in genre_names.items() if pk not in have}
    genres = genres_ensure(names={name for names in without_genres.values() for name in names})
    pairs.objects.bulk_create(
        [
            pairs(movie_id=pk, genre_id=genre_id)
            for pk, names in without_genres.items()
            for genre_id in dict.fromkeys(genres[name] for name in names)
        ]
    )
    return set(without_genres)


def _analyze() -> None:
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE movies_movie, movies_person, movies_credit, movies_movie_genres, movies_genre")
