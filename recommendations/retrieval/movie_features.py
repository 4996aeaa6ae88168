"""A feature cache in each process: cards, groups and factors of movies, for ten minutes or until the catalogue changes.

What was published with a version for serving is cached with them.

A cache miss for a list needs several hundred movies, mostly the same ones as the list before; fetching their cards,
directors and vectors each time took three quarters of its time. The cache is valid under the catalogue's token and the
database's state that were read before it was filled (database_state.catalogue_token), so that a movie hidden a moment
ago is never shown. Without a token (with Redis away) nothing is cached. The time limit bounds the age of data that
changed without a token.
"""

import threading
import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from movies.selectors import movie_cards
from recommendations.algorithms.listing.reranking import franchise
from recommendations.models import ITEM_DIMENSIONS, QUERY_DIMENSIONS, RATING_DIMENSIONS
from recommendations.retrieval import candidates
from recommendations.retrieval.config import serving_config
from recommendations.retrieval.version_serving import VersionServing, version_serving
from recommendations.vectors.binary import Vector

CACHE_SECONDS = 600.0
# A movie takes about 3.4 KB.
MAX_MOVIES = 20_000
# If at most this many movies are missing, whole blocks of ids around them are fetched.
MAX_BLOCK_FETCH = 20
BLOCK_SIZE = 16


class MovieFeatureCache:
    """Features of movies under one catalogue token; fetched when they are first needed."""

    def __init__(self) -> None:
        self._made_at = time.monotonic()
        self._cards: dict[int, dict[str, Any] | None] = {}
        self._groups: dict[int, tuple[str, ...]] = {}
        self._card_json: dict[int, orjson.Fragment] = {}
        self._vectors: dict[int, VersionVectors] = {}
        self._serving: dict[int, VersionServing] = {}
        self._popular: tuple[list[int], list[float]] | None = None
        self._new_movies: dict[int, dict[int, datetime]] = {}

    @property
    def expired(self) -> bool:
        """Whether the cache is too old or too large and must be replaced."""
        return time.monotonic() - self._made_at > CACHE_SECONDS or max(self._sizes()) > MAX_MOVIES

    def _sizes(self) -> list[int]:
        return [len(self._cards), *(len(vectors) for vectors in list(self._vectors.values()))]

    def cards(self, movie_ids: Collection[int]) -> dict[int, dict[str, Any]]:
        """The cards of the published movies, by id; see movies.selectors. Cards are shared: do not change them."""
        cached = self._cards
        try:
            return {movie_id: card for movie_id in movie_ids if (card := cached[movie_id]) is not None}
        except KeyError:
            self._fetch_cards(set(movie_ids) - cached.keys())
        return {movie_id: card for movie_id in movie_ids if (card := cached[movie_id]) is not None}

    def card_json(self, card: dict[str, Any]) -> orjson.Fragment:
        """A card of this cache as JSON, to be part of an object; rendered once."""
        found = self._card_json.get(card["id"])
        if found is None:
            found = self._card_json[card["id"]] = orjson.Fragment(orjson.dumps(card))
        return found

    def _fetch_cards(self, missing: set[int]) -> None:
        missing = with_id_blocks(missing) - self._cards.keys()
        found = movie_cards(missing)
        directors = candidates.directors_by_movie(found)
        for movie_id in found:
            name = franchise(found[movie_id]["title"])
            self._groups[movie_id] = (*([name] if name else []), *directors.get(movie_id, []))
        self._cards.update((movie_id, found.get(movie_id)) for movie_id in missing)

    def collect(self, movie_ids: Collection[int], version_id: int | None) -> "MovieFeatures":
        """The features of these movies. At most three queries; none if everything is cached.

        version_id: the version of the factors; None returns no factors.
        """
        cards = self.cards(movie_ids)
        ids = sorted(movie_ids)
        if version_id is None:
            known, factors = np.zeros(len(ids), np.bool_), np.zeros((len(ids), ITEM_DIMENSIONS), np.float32)
            rating_factors = np.full((len(ids), RATING_DIMENSIONS), np.nan, np.float32)
        else:
            known, factors, rating_factors = self.vectors(version_id).item_and_rating_factors(ids)
        return MovieFeatures(np.array(ids, np.int64), known, factors, rating_factors, cards, self._groups)

    def vectors(self, version_id: int) -> "VersionVectors":
        """The factors of that version's movies."""
        found = self._vectors.get(version_id)
        # ``setdefault`` because another thread may have added it since.
        return self._vectors.setdefault(version_id, VersionVectors(version_id)) if found is None else found

    def serving(self, version_id: int | None) -> VersionServing:
        """What lists of that version are made with; see version_serving. One query the first time."""
        if version_id is None:
            return version_serving(None)
        found = self._serving.get(version_id)
        return self._serving.setdefault(version_id, version_serving(version_id)) if found is None else found

    def popular(self, limit: int, exclude: Collection[int]) -> tuple[list[int], list[float]]:
        """Up to ``limit`` movies popular with everyone, without ``exclude``: ids and raw scores, best first."""
        if self._popular is None:
            self._popular = candidates.popular_movies(serving_config().popular_list_size)
        listed = zip(*self._popular, strict=True)
        found = [(movie_id, score) for movie_id, score in listed if movie_id not in exclude][:limit]
        return [movie_id for movie_id, _ in found], [score for _, score in found]

    def new_movies(self, version_id: int) -> dict[int, datetime]:
        """When each new movie was added, newest first; see candidates.new_movies."""
        if version_id not in self._new_movies:
            self._new_movies[version_id] = candidates.new_movies(version_id)
        return self._new_movies[version_id]


@dataclass(frozen=True, slots=True)
class MovieFeatures:
    """Features of n movies for one list.

    movie_ids: int64 (n,), ascending; has_factors: bool (n,); item_factors: float32 (n, d), zeros without factors;
    rating_factors: float32 (n, RATING_DIMENSIONS), NaN without; cards: of the published movies, by id; groups: keys of
    the franchise and directors of each published movie, by id, shared with the cache, whose entries never change.
    """

    movie_ids: NDArray[np.int64]
    has_factors: NDArray[np.bool_]
    item_factors: Vector
    rating_factors: Vector
    cards: dict[int, dict[str, Any]]
    groups: Mapping[int, tuple[str, ...]]

    def factors(self, movie_ids: Sequence[int] | NDArray[np.int64]) -> tuple[NDArray[np.bool_], Vector]:
        """Whether each of k of these movies has factors, bool (k,), and its item factors, float32 (k, d)."""
        if movie_ids is self.movie_ids:
            return self.has_factors, self.item_factors
        rows = self._rows(movie_ids)
        return self.has_factors[rows], self.item_factors[rows]

    def rating_factors_of(self, movie_ids: Sequence[int]) -> Vector:
        """The rating factors of k of these movies, NaN without, float32 (k, RATING_DIMENSIONS)."""
        return self.rating_factors[self._rows(movie_ids)]

    def _rows(self, movie_ids: Sequence[int] | NDArray[np.int64]) -> NDArray[np.int64]:
        return np.searchsorted(self.movie_ids, np.asarray(movie_ids, np.int64))


class VersionVectors:
    """The query, item and rating factors of one version's movies, in growing matrices, and the movies' titles."""

    def __init__(self, version_id: int) -> None:
        self.version_id = version_id
        # The row of each fetched movie. Row 0 is that of all movies for which the version has no factors.
        self._rows: dict[int, int] = {}
        self._queries: Vector = np.zeros((1, QUERY_DIMENSIONS), np.float32)
        self._items: Vector = np.zeros((1, ITEM_DIMENSIONS), np.float32)
        self._ratings: Vector = np.full((1, RATING_DIMENSIONS), np.nan, np.float32)
        self._used = 1
        self._lock = threading.Lock()
        self.titles: dict[int, str] = {}

    def __len__(self) -> int:
        """The number of fetched movies, with or without factors."""
        return len(self._rows)

    def query_factors(self, movie_ids: Sequence[int]) -> tuple[NDArray[np.bool_], Vector]:
        """Whether each of n movies has factors, bool (n,), and query factors or zeros, (n, QUERY_DIMENSIONS)."""
        rows = self._rows_of(movie_ids)
        return rows > 0, self._queries[rows]

    def rating_factors(self, movie_ids: Sequence[int]) -> Vector:
        """The rating factors of n movies, NaN without, float32 (n, RATING_DIMENSIONS)."""
        rows = self._rows_of(movie_ids)
        return self._ratings[rows]

    def item_and_rating_factors(self, movie_ids: Sequence[int]) -> tuple[NDArray[np.bool_], Vector, Vector]:
        """Whether each of n movies has factors, bool (n,), item factors or zeros, (n, d), and rating factors."""
        rows = self._rows_of(movie_ids)
        return rows > 0, self._items[rows], self._ratings[rows]

    def _rows_of(self, movie_ids: Sequence[int]) -> NDArray[np.int64]:
        """The row of each movie, 0 if it has no factors, int64 (n,); fetches those that are missing.

        Read the matrices afterwards: a fetch may replace them.
        """
        try:
            found = [self._rows[movie_id] for movie_id in movie_ids]
        except KeyError:
            self._fetch(movie_ids)
            found = [self._rows[movie_id] for movie_id in movie_ids]
        return np.array(found, np.int64)

    def _fetch(self, movie_ids: Iterable[int]) -> None:
        missing = with_id_blocks({movie_id for movie_id in movie_ids if movie_id not in self._rows})
        missing -= self._rows.keys()
        found = candidates.factors_by_movie(self.version_id, missing)
        with self._lock:
            rows = dict.fromkeys(missing - self._rows.keys(), 0)
            free = len(self._items) - self._used
            if len(found) > free:
                # New arrays, because other threads may be reading the old ones.
                added = max(len(found) - free, self._used, 256)
                self._queries = _grown(self._queries, added, 0)
                self._items = _grown(self._items, added, 0)
                self._ratings = _grown(self._ratings, added, np.nan)
            for movie_id, vectors in found.items():
                if movie_id in rows:
                    self._queries[self._used], self._items[self._used] = vectors.query, vectors.item
                    if vectors.rating is not None:
                        self._ratings[self._used] = vectors.rating
                    self.titles[movie_id] = vectors.title
                    rows[movie_id] = self._used
                    self._used += 1
            # Last, so that no thread finds a row before its factors are written.
            self._rows.update(rows)


def _grown(matrix: Vector, added: int, value: float) -> Vector:
    """A copy of the matrix with this number of further rows of one value."""
    return np.concatenate([matrix, np.full((added, matrix.shape[1]), value, np.float32)])


def with_id_blocks(movie_ids: set[int]) -> set[int]:
    """The ids to fetch when these are missing: whole blocks of BLOCK_SIZE ids if at most MAX_BLOCK_FETCH are missing.

    Most lists need one or two movies that are not cached, and a query for fifty takes as long as for two.
    """
    if len(movie_ids) > MAX_BLOCK_FETCH:
        return movie_ids
    starts = {movie_id - movie_id % BLOCK_SIZE for movie_id in movie_ids}
    return {movie_id for start in starts for movie_id in range(start, start + BLOCK_SIZE)}


_held: tuple[bytes, MovieFeatureCache] | None = None


def feature_cache_for(token: bytes | None) -> MovieFeatureCache:
    """This process's feature cache under that catalogue token; without a token, a new one for this request only."""
    global _held  # noqa: PLW0603 -- one for the process is what it is for.
    if token is None:
        return MovieFeatureCache()
    held = _held
    if held is None or held[0] != token or held[1].expired:
        held = _held = token, MovieFeatureCache()
    return held[1]


def held_cache() -> MovieFeatureCache | None:
    """The cache that this process holds, under whatever token; None before the first list."""
    held = _held
    return None if held is None else held[1]


def clear_cache() -> None:
    """Drops the cache whatever the token, for example after the tables have been replaced."""
    global _held  # noqa: PLW0603
    _held = None
