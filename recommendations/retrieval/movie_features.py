"""What lists show and reckon of each movie, remembered by each process for ten minutes, or until the catalogue changes.

A missed list looks at several hundred movies, mostly the same ones as the list before: fetching their cards, directors
and vectors anew cost three quarters of its time. What is remembered is kept under the catalogue's token and the
database's state read before it was fetched (see database_state.catalogue_token), so that a movie hidden a moment ago is
never shown; without a token, that is with Redis away, nothing is remembered. The time bounds the age of what changed
without a token.
"""

import threading
import time
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from movies.selectors import movie_cards
from recommendations.algorithms.listing.reranking import franchise
from recommendations.models import FACTOR_DIMENSIONS
from recommendations.retrieval import candidates
from recommendations.retrieval.candidates import Vector
from recommendations.retrieval.config import serving_config

CACHE_SECONDS = 600.0
# About 2.4 KB each.
MAX_MOVIES = 20_000
MAX_BLOCK_FETCH = 20
BLOCK_SIZE = 16


class MovieFeatureCache:
    """Facts of movies under one token of the catalogue; fetched where they are not yet known."""

    def __init__(self) -> None:
        self._made_at = time.monotonic()
        self._cards: dict[int, dict[str, Any] | None] = {}
        self._groups: dict[int, tuple[str, ...]] = {}
        self._vectors: dict[int, VersionVectors] = {}
        self._popular: tuple[list[int], list[float]] | None = None
        self._new_movies: dict[int, dict[int, datetime]] = {}

    @property
    def expired(self) -> bool:
        """Whether it is time to begin anew."""
        return time.monotonic() - self._made_at > CACHE_SECONDS or max(self._sizes()) > MAX_MOVIES

    def _sizes(self) -> list[int]:
        return [len(self._cards), *(len(vectors) for vectors in list(self._vectors.values()))]

    def cards(self, movie_ids: Collection[int]) -> dict[int, dict[str, Any]]:
        """The cards of those that are published, by id; see movies.selectors. They are shared: never change one."""
        missing = {movie_id for movie_id in movie_ids if movie_id not in self._cards}
        if missing:
            missing = with_id_blocks(missing) - self._cards.keys()
            found = movie_cards(missing)
            directors = candidates.directors_by_movie(found)
            for movie_id in found:
                name = franchise(found[movie_id]["title"])
                self._groups[movie_id] = (*([name] if name else []), *directors.get(movie_id, []))
            self._cards.update((movie_id, found.get(movie_id)) for movie_id in missing)
        return {movie_id: card for movie_id in movie_ids if (card := self._cards[movie_id]) is not None}

    def collect(self, movie_ids: Collection[int], version_id: int | None) -> "MovieFeatures":
        """Everything a list needs to know of these movies. At most three queries; none when all is cached."""
        cards = self.cards(movie_ids)
        ids = sorted(movie_ids)
        if version_id is None:
            known, factors = np.zeros(len(ids), np.bool_), np.zeros((len(ids), FACTOR_DIMENSIONS), np.float32)
        else:
            known, factors = self.vectors(version_id).item_factors(ids)
        groups = {movie_id: self._groups[movie_id] for movie_id in cards}
        return MovieFeatures(np.array(ids, np.int64), known, factors, cards, groups)

    def vectors(self, version_id: int) -> "VersionVectors":
        """The factors of that version's movies."""
        return self._vectors.setdefault(version_id, VersionVectors(version_id))

    def popular(self, limit: int, exclude: Collection[int]) -> tuple[list[int], list[float]]:
        """Up to ``limit`` movies popular with everyone, less ``exclude``: ids and raw scores, best first."""
        if self._popular is None:
            self._popular = candidates.popular_movies(serving_config().popular_list_size)
        listed = zip(*self._popular, strict=True)
        found = [(movie_id, score) for movie_id, score in listed if movie_id not in exclude][:limit]
        return [movie_id for movie_id, _ in found], [score for _, score in found]

    def new_movies(self, version_id: int) -> dict[int, datetime]:
        """When each of the movies that may be explored was added, newest first; see candidates.new_movies."""
        if version_id not in self._new_movies:
            self._new_movies[version_id] = candidates.new_movies(version_id)
        return self._new_movies[version_id]


@dataclass(frozen=True, slots=True)
class MovieFeatures:
    """What one list knows of n movies.

    movie_ids: int64 (n,), ascending; has_factors: bool (n,); item_factors: float32 (n, d), zeros without. cards: of
    those that are published; groups: franchise and directors of each of those, as keys.
    """

    movie_ids: NDArray[np.int64]
    has_factors: NDArray[np.bool_]
    item_factors: Vector
    cards: dict[int, dict[str, Any]]
    groups: dict[int, tuple[str, ...]]

    def factors(self, movie_ids: Sequence[int] | NDArray[np.int64]) -> tuple[NDArray[np.bool_], Vector]:
        """Which of k of these movies have factors, (k,), and their item factors, (k, d)."""
        rows = np.searchsorted(self.movie_ids, np.asarray(movie_ids, np.int64))
        return self.has_factors[rows], self.item_factors[rows]


class VersionVectors:
    """Query and item factors of one version's movies in two matrices that grow; titles beside them."""

    def __init__(self, version_id: int) -> None:
        self.version_id = version_id
        # The row of each movie asked about; -1 of those that the version has no factors for.
        self._rows: dict[int, int] = {}
        self._factors: Vector = np.zeros((2, 0, FACTOR_DIMENSIONS), np.float32)
        self._used = 0
        self._lock = threading.Lock()
        self.titles: dict[int, str] = {}

    def __len__(self) -> int:
        """How many movies were asked about."""
        return len(self._rows)

    def query_factors(self, movie_ids: Sequence[int]) -> tuple[NDArray[np.bool_], Vector]:
        """Which of n movies have factors, shape (n,), and their query factors, zeros without, shape (n, d)."""
        return self._factors_of(movie_ids, 0)

    def item_factors(self, movie_ids: Sequence[int]) -> tuple[NDArray[np.bool_], Vector]:
        """The same with their item factors."""
        return self._factors_of(movie_ids, 1)

    def _factors_of(self, movie_ids: Sequence[int], side: int) -> tuple[NDArray[np.bool_], Vector]:
        try:
            found = [self._rows[movie_id] for movie_id in movie_ids]
        except KeyError:
            self._fetch(movie_ids)
            found = [self._rows[movie_id] for movie_id in movie_ids]
        rows = np.array(found, np.int64)
        known = rows >= 0
        factors = np.zeros((len(rows), FACTOR_DIMENSIONS), np.float32)
        factors[known] = self._factors[side, rows[known]]
        return known, factors

    def _fetch(self, movie_ids: Iterable[int]) -> None:
        missing = with_id_blocks({movie_id for movie_id in movie_ids if movie_id not in self._rows})
        missing -= self._rows.keys()
        found = candidates.factors_by_movie(self.version_id, missing)
        with self._lock:
            rows = dict.fromkeys(missing - self._rows.keys(), -1)
            free = self._factors.shape[1] - self._used
            if len(found) > free:
                # A new array: who reads the old one meanwhile goes on reading it.
                more = np.zeros((2, max(len(found) - free, self._used, 256), FACTOR_DIMENSIONS), np.float32)
                self._factors = np.concatenate([self._factors, more], axis=1)
            for movie_id, (title, query, item) in found.items():
                if movie_id in rows:
                    self._factors[:, self._used] = query, item
                    self.titles[movie_id] = title
                    rows[movie_id] = self._used
                    self._used += 1
            # Last, so that nobody finds a row before its numbers stand.
            self._rows.update(rows)


def with_id_blocks(movie_ids: set[int]) -> set[int]:
    """The movies to fetch where these are missing: all of their blocks of ids if they are few, since most lists need
    one or two that no list before them did, and a query takes as long for fifty as for two."""
    if len(movie_ids) > MAX_BLOCK_FETCH:
        return movie_ids
    starts = {movie_id - movie_id % BLOCK_SIZE for movie_id in movie_ids}
    return {movie_id for start in starts for movie_id in range(start, start + BLOCK_SIZE)}


_held: tuple[bytes, MovieFeatureCache] | None = None


def feature_cache_for(token: bytes | None) -> MovieFeatureCache:
    """What this process remembers under that token of the catalogue; without one, facts of this request alone."""
    global _held  # noqa: PLW0603 -- one for the process is what it is for.
    if token is None:
        return MovieFeatureCache()
    held = _held
    if held is None or held[0] != token or held[1].expired:
        held = _held = token, MovieFeatureCache()
    return held[1]


def clear_cache() -> None:
    """Begins anew whatever the token, as when the tables under it were replaced."""
    global _held  # noqa: PLW0603
    _held = None
