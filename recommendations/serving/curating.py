"""The rules of staff as stages of a list: scores are lifted and lowered, then movies are pinned.

Rules take at most ``slots_in_run`` of each RUN places, counted from the top: what a boost lifts and what is pinned.
"""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from recommendations.algorithms.listing.blending import LIST_SIZE
from recommendations.curation.active import Kind, ListRules, Rule
from recommendations.curation.drafts import RUN, slots_in_run
from recommendations.retrieval.movie_features import MovieFeatures


class Pin(NamedTuple):
    """A movie and its place in the list, from 0."""

    place: int
    movie_id: int
    rule: Rule


def pins_of(rules: ListRules, movies: MovieFeatures, order: dict[int, int]) -> list[Pin]:
    """The pins of one list, by place. Movies that may not be listed are left out.

    order: the rank of each movie that may be listed, by id; a pin on a share of the places takes the person's best
    movies first. Where a place or its run is taken, the next free place counts.
    """
    taken: dict[int, Pin] = {}
    runs: Counter[int] = Counter()
    pinned: set[int] = set()
    slots = slots_in_run()
    for rule in rules.of_kind(Kind.PIN):
        allowed = [movie for movie in rule.movies if movie in order and movie in movies.cards and movie not in pinned]
        for wanted, movie in _wanted(rule, allowed, order):
            place = wanted
            while place < LIST_SIZE and (place in taken or runs[place // RUN] >= slots):
                place += 1
            if place < LIST_SIZE:
                taken[place] = Pin(place, movie, rule)
                runs[place // RUN] += 1
                pinned.add(movie)
    return [taken[place] for place in sorted(taken)]


def _wanted(rule: Rule, movies: list[int], order: dict[int, int]) -> list[tuple[int, int]]:
    """The place that each movie of a pin wants, from 0."""
    if rule.share is None:
        first = (rule.place or 1) - 1
        return list(enumerate(movies, start=first))
    best = sorted(movies, key=order.__getitem__)
    return [(round((n + 1) / rule.share) - 1, movie) for n, movie in enumerate(best)]


def factors_of(rules: ListRules, movie_ids: list[int], movies: MovieFeatures) -> dict[int, tuple[float, Rule]]:
    """The factor of each movie that boosts and damps change, and the rule that changes it most, by movie id."""
    found: dict[int, tuple[float, Rule]] = {}
    for rule in rules.of_kind(Kind.BOOST, Kind.DAMP):
        named = set(rule.movies)
        for movie in movie_ids:
            if movie not in named and (named or not _has_genre(movies, movie, rule.genre)):
                continue
            factor, strongest = found.get(movie, (1.0, rule))
            stronger = abs((rule.weight or 1.0) - 1) > abs((strongest.weight or 1.0) - 1)
            found[movie] = factor * (rule.weight or 1.0), rule if stronger else strongest
    return {movie: change for movie, change in found.items() if change[0] != 1}


def _has_genre(movies: MovieFeatures, movie_id: int, slug: str) -> bool:
    card = movies.cards.get(movie_id)
    return card is not None and any(genre["slug"] == slug for genre in card["genres"])


def curated_order(scores: list[float], factors: list[float], used: Counter[int]) -> tuple[list[int], set[int]]:
    """The order of a list of n movies, best first, after their factors: positions, and those that were moved.

    A movie that is lowered goes where its new score belongs. One that is lifted does, too, while its run of places has
    a slot left. used: the slots that pins take, by run.
    """
    new = [score * factor for score, factor in zip(scores, factors, strict=True)]
    order = _lowered(scores, new, [n for n, factor in enumerate(factors) if factor < 1])
    moved = {n for n, factor in enumerate(factors) if factor < 1}
    lifted = sorted((n for n, factor in enumerate(factors) if factor > 1), key=lambda n: (-new[n], n))
    if not lifted:
        return order, moved
    slots, runs = slots_in_run(), Counter(used)
    result: list[int] = []
    placed: set[int] = set()
    while len(result) < len(order):
        head = next(n for n in order if n not in placed)
        best = next((n for n in lifted if n not in placed), head)
        run = len(result) // RUN
        if best != head and new[best] > new[head] and runs[run] < slots:
            runs[run] += 1
            moved.add(best)
            head = best
        result.append(head)
        placed.add(head)
    return result, moved


def _lowered(scores: list[float], new: list[float], lowered: list[int]) -> list[int]:
    """The positions in order, each lowered one before the first other whose score is below its new one."""
    others = [n for n in range(len(scores)) if n not in set(lowered)]
    for n in sorted(lowered, key=lambda n: -new[n]):
        # A lowered movie never rises, whatever the order of the others.
        at = next((i for i, other in enumerate(others) if new[other] < new[n] and other > n), len(others))
        others.insert(at, n)
    return others
