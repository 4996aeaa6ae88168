"""Ratings in MovieLens' shape: generated in blocks of people, the same for the same shape.

What is like MovieLens (25M, or 1M with whole stars): most movies have few ratings and some have most; the activity of
people is log-normal above 20 ratings; the values' shares are MovieLens' own. People choose and rate by latent tastes,
so a model can beat popularity and damped means. Unlike there, every movie has at least one like. Pure NumPy: blocks are
made by two threads, 25 million ratings in less than a minute.
"""

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

# Shares of the values in MovieLens 25M and 1M, in percent.
HALF_STARS = {0.5: 1.6, 1: 3.1, 1.5: 1.6, 2: 6.6, 2.5: 5.0, 3: 19.6, 3.5: 12.7, 4: 26.6, 4.5: 8.8, 5: 14.4}
WHOLE_STARS = {1: 5.6, 2: 10.8, 3: 26.1, 4: 34.9, 5: 22.6}
FEWEST = 20
# Spread of the logarithm of what a person rates beyond FEWEST, and of the movies' popularity.
ACTIVITY_SPREAD, POPULARITY_SPREAD = 1.35, 2.6
# Of all picks, the share of the most popular movie; MovieLens' most rated movie was rated by half of all people.
MOST_POPULAR = 0.004
LATENT, TASTES, TASTES_EACH = 8, 48, 3
TASTE_SHARES = (0.5, 0.3, 0.2)
# How much tastes weigh in what people choose: the spread of the logarithm of a movie's odds.
CHOICE_SPREAD = 1.2
# Standard deviations of a rating's parts, in stars: the movie, the person, their match, and chance.
MOVIE, PERSON, MATCH, CHANCE = 0.45, 0.42, 0.45, 0.72
PEOPLE_PER_BLOCK = 4000
_FIRST_DAY, _LAST_DAY = 1_104_537_600, 1_735_689_600  # 2005 and 2025.
_DAY, _LONGEST = 86_400, 4 * 365 * 86_400
_ROUNDS = 4


@dataclass(frozen=True)
class Shape:
    """How much to generate. ratings_each: the mean; the actual one is a little lower in a small catalogue."""

    people: int
    movies: int
    ratings_each: float = 156.25
    whole_stars: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        if self.people < 100 or self.movies < 100 or self.ratings_each < 2 * FEWEST:
            raise ValueError(f"people and movies must be 100 or more, ratings_each {2 * FEWEST} or more.")
        if self.movies > FEWEST * self.people:
            raise ValueError(f"Every movie needs a like: at most {FEWEST} movies for each person.")


@dataclass(frozen=True)
class Block:
    """Ratings of some people in columns (n,), sorted by person and movie: positions, stars, Unix seconds."""

    users: NDArray[np.int64]
    items: NDArray[np.int64]
    values: NDArray[np.float64]
    times: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.users)


class GeneratedRatings:
    """The latent world of a shape, and the ratings in it. Memory: 400 bytes a movie, 24 a person, and two blocks."""

    def __init__(self, shape: Shape) -> None:
        self.shape = shape
        rng = np.random.default_rng([shape.seed, 0])
        self.movies = rng.standard_normal((shape.movies, LATENT))
        self.tastes = rng.standard_normal((TASTES, LATENT))
        self.tastes /= np.linalg.norm(self.tastes, axis=1, keepdims=True)
        place = ndtri((rng.permutation(shape.movies) + 0.5) / shape.movies)
        popularity = np.exp(POPULARITY_SPREAD * place)
        for _ in range(5):  # Each cut makes the sum smaller.
            popularity = np.minimum(popularity / popularity.sum(), max(MOST_POPULAR, 10 / shape.movies))
        # What many watch is rated higher, as in MovieLens.
        self.quality = MOVIE * (0.5 * place + 0.85 * rng.standard_normal(shape.movies))
        odds = popularity * np.exp(CHOICE_SPREAD * self.tastes @ self.movies.T)
        share = np.cumsum(odds, axis=1)
        # One ascending table: the movies of taste g lie between g and g + 1.
        self._places = (share / share[:, -1:] + np.arange(TASTES)[:, None]).ravel()
        self.counts = self._activity(rng)
        shares = WHOLE_STARS if shape.whole_stars else HALF_STARS
        self._stars = np.array(list(shares))
        # The scores between two values, so that the values have MovieLens' shares.
        below = np.cumsum(list(shares.values()))[:-1] / sum(shares.values())
        self._edges = np.quantile(self._scored(0)[2], below)

    def _activity(self, rng: np.random.Generator) -> NDArray[np.int64]:
        """How many movies each person rates, (people,)."""
        most = self.shape.movies // 4
        beyond = np.exp(ACTIVITY_SPREAD * rng.standard_normal(self.shape.people))
        for _ in range(5):  # The most active are cut, so the others get a little more.
            beyond *= (self.shape.ratings_each - FEWEST) / beyond.mean()
            beyond = np.minimum(beyond, most - FEWEST)
        return FEWEST + np.rint(beyond).astype(np.int64)

    def blocks(self) -> Iterator[Block]:
        """All ratings, the people in ascending order."""
        starts = deque(range(0, self.shape.people, PEOPLE_PER_BLOCK))
        ahead: deque[Future[Block]] = deque()
        with ThreadPoolExecutor(2) as pool:
            while starts or ahead:
                while starts and len(ahead) < 2:
                    ahead.append(pool.submit(self._block, starts.popleft()))
                yield ahead.popleft().result()

    def _block(self, start: int) -> Block:
        users, items, scores, rng, forced = self._scored(start)
        values = self._stars[np.searchsorted(self._edges, scores)]
        values[forced] = self._stars[-1]
        people = min(PEOPLE_PER_BLOCK, self.shape.people - start)
        # A person rates within some hours, days or years.
        span = np.minimum(_DAY * np.exp(3 * rng.standard_normal(people)), _LONGEST)
        first = rng.uniform(_FIRST_DAY, _LAST_DAY - span)
        times = (first[users] + span[users] * rng.random(len(users)) ** 2).astype(np.int64)
        return Block(users + start, items, values, times)

    def _scored(self, start: int) -> tuple[NDArray, NDArray, NDArray, np.random.Generator, NDArray]:
        """(users from 0, items, scores, the generator, whether the pair is the movie's certain like) of a block."""
        rng = np.random.default_rng([self.shape.seed, 1, start])
        counts = self.counts[start : start + PEOPLE_PER_BLOCK]
        tastes = rng.integers(TASTES, size=(len(counts), TASTES_EACH))
        person = np.einsum("ugk,g->uk", self.tastes[tastes], TASTE_SHARES)
        person /= np.linalg.norm(person, axis=1, keepdims=True)
        certain = np.arange(start, start + len(counts))[:, None] + self.shape.people * np.arange(FEWEST)
        certain = np.where(certain < self.shape.movies, certain, -1)
        rows, columns = np.nonzero(certain >= 0)
        given = rows * self.shape.movies + certain[rows, columns]
        keys = np.sort(self._picked(given, counts, tastes, rng))
        users, items = np.divmod(keys, self.shape.movies)
        scores = self.quality[items] + (PERSON * rng.standard_normal(len(counts)))[users]
        scores += MATCH * np.einsum("nk,nk->n", person[users], self.movies[items])
        scores += CHANCE * rng.standard_normal(len(users))
        return users, items, scores, rng, np.isin(keys, given)

    def _picked(
        self, keys: NDArray[np.int64], counts: NDArray[np.int64], tastes: NDArray[np.int64], rng: np.random.Generator
    ) -> NDArray[np.int64]:
        """Different movies of each person, as many as ``counts``, as person x movies + movie; ``keys`` are among them.

        Of the most active a few lack, who would draw the same movies again and again.
        """
        movies = self.shape.movies
        for number in range(_ROUNDS):
            lacking = counts - np.bincount(keys // movies, minlength=len(counts))
            draws = np.where(lacking > 0, (1.4 + number) * lacking + 5, 0).astype(np.int64)
            users = np.repeat(np.arange(len(counts)), draws)
            if not len(users):
                break
            taste = tastes[users, np.searchsorted(np.cumsum(TASTE_SHARES)[:-1], rng.random(len(users)))]
            places = np.searchsorted(self._places, taste + rng.random(len(users)), side="right")
            items = np.minimum(places - taste * movies, movies - 1)
            new, drawn = np.unique(users * movies + items, return_index=True)
            drawn = np.sort(drawn[~np.isin(new, keys, assume_unique=True)])
            users = users[drawn]
            firsts = np.concatenate([[0], np.cumsum(np.bincount(users, minlength=len(counts)))])
            drawn = drawn[np.arange(len(users)) - firsts[users] < lacking[users]]
            keys = np.concatenate([keys, np.repeat(np.arange(len(counts)), draws)[drawn] * movies + items[drawn]])
        return keys
