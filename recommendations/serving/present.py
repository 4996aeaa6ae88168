"""The last phase of a list: turns the best ranked candidates into the items of the response.

``STAGES`` run in order. Each is a function of the items and the gathered data. To add one (a curation rule, for
example), write a function with this signature and add it to STAGES.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from events.selectors import Signal
from recommendations.algorithms.listing.blending import LIST_SIZE, SOURCES, RankedList
from recommendations.algorithms.listing.contributions import contribution_shares, name_signals
from recommendations.algorithms.listing.reranking import RerankConfig, rerank
from recommendations.algorithms.listing.session_query import FEW_SHOT_DIMENSIONS, UserProfile
from recommendations.curation.active import Kind, Rule
from recommendations.curation.drafts import RUN
from recommendations.retrieval import reasons
from recommendations.retrieval.config import serving_config
from recommendations.retrieval.movie_features import MovieFeatures
from recommendations.serving.curating import Pin, curated_order, factors_of, pins_of
from recommendations.serving.exploration import NewMovie, choose_new_movies
from recommendations.serving.gather import GatheredList

# The columns of shares.
COLUMNS = (*SOURCES, "mood")
_POPULAR, _REALTIME = SOURCES.index("popular"), SOURCES.index("realtime")


class RankedItem(NamedTuple):
    """One movie of a list. shares: of its score by source, in the order of COLUMNS; the last one only with a mood.

    rule: the rule of staff that put it there or moved it.
    """

    movie_id: int
    score: float
    shares: tuple[float, ...]
    reason: reasons.Reason = reasons.TASTE
    predicted_rating: float | None = None
    explored: bool = False
    rule: Rule | None = None

    @property
    def rule_mark(self) -> dict[str, Any] | None:
        """As the item says it; None without a rule."""
        return None if self.rule is None else self.rule.mark()


Items = list[RankedItem]
Stage = Callable[[Items, GatheredList], Items]


@dataclass(frozen=True)
class PresentedList:
    """Up to LIST_SIZE items, best first, and the data they were computed from.

    version_id: the live version, None without one; user_state: ``known`` with a nightly list, ``new`` with signals
    only, ``cold`` without either; explored: ids of the inserted new movies.
    """

    version_id: int | None
    user_state: str
    items: Items
    explored: list[int]
    gathered: GatheredList


def present(ranked: RankedList, gathered: GatheredList) -> PresentedList:
    """Run the best ranked candidates through all stages, up to LIST_SIZE items. No SQL, no Redis."""
    items = _best_items(ranked, gathered)
    for stage in STAGES:
        items = stage(items, gathered)
    live = gathered.request.live
    state = "known" if live.movie_ids else "new" if gathered.request.signals else "cold"
    explored = [item.movie_id for item in items if item.explored]
    return PresentedList(live.version_id, state, items, explored, gathered)


def _best_items(ranked: RankedList, gathered: GatheredList) -> Items:
    rows = _rows(ranked, gathered)
    ids, scores = ranked.item_ids[rows].tolist(), ranked.scores[rows].tolist()
    shares = map(tuple, _round_shares(ranked.shares[rows]))
    columns = zip(ids, scores, shares, _predicted_ratings(ids, gathered), strict=True)
    return [RankedItem(movie, score, parts, reasons.TASTE, rating) for movie, score, parts, rating in columns]


def _rows(ranked: RankedList, gathered: GatheredList) -> slice | list[int]:
    """The best LIST_SIZE rows, and those further down that a boost may lift or that are pinned."""
    rules = gathered.request.rules
    if len(ranked) <= LIST_SIZE or not rules.of_kind(Kind.BOOST, Kind.PIN):
        return slice(LIST_SIZE)
    below = ranked.item_ids[LIST_SIZE:].tolist()
    lifted = {movie for movie, (factor, _) in factors_of(rules, below, gathered.movies).items() if factor > 1}
    wanted = lifted | rules.promoted
    further = [LIST_SIZE + n for n, movie in enumerate(below) if movie in wanted]
    return [*range(LIST_SIZE), *further[:LIST_SIZE]]


def _predicted_ratings(movie_ids: Sequence[int], gathered: GatheredList) -> list[float | None]:
    return gathered.ratings.predict(movie_ids, gathered.movies.rating_factors_of(movie_ids))


def _round_shares(shares: NDArray[np.float64]) -> list[list[float]]:
    """Round shares to four decimals; the largest absorbs the rounding error, so that they still sum to 1."""
    rounded = np.round(shares, 4)
    rows, largest = np.arange(len(shares)), shares.argmax(axis=1)
    rounded[rows, largest] = np.round(1 - (rounded.sum(axis=1) - rounded[rows, largest]), 4)
    return rounded.tolist()


def add_reasons(items: Items, gathered: GatheredList) -> Items:
    """Add each item's reason.

    Popularity (general or in a genre) if it has most of the score, or any of it without a positive signal; otherwise
    the signal that moved the real-time score most, if one stands out; otherwise taste.
    """
    profile = gathered.pool.profile
    threshold = 0.5 if profile is not None and profile.positive else 0.0
    popular = {item.movie_id for item in items if item.shares[_POPULAR] > threshold}
    by_movie = {movie: gathered.genre_reasons.get(movie, reasons.POPULAR) for movie in popular}
    if profile is not None:
        moved = [item.movie_id for item in items if item.shares[_REALTIME] >= reasons.MIN_REALTIME_SHARE]
        by_movie |= _signal_reasons([movie for movie in moved if movie not in popular], profile, gathered)
    # An item without a reason of its own keeps its first one, taste. The constructor is faster than _replace.
    return [
        RankedItem(movie, score, shares, by_movie.get(movie, reason), rating, explored, rule)
        for movie, score, shares, reason, rating, explored, rule in items
    ]


def _signal_reasons(movie_ids: list[int], profile: UserProfile, gathered: GatheredList) -> dict[int, reasons.Reason]:
    """The reasons of those movies, in the list's order, for which a signal stands out; by movie id."""
    signals, shares = signal_contributions(movie_ids, profile, gathered)
    nameable = np.array([reasons.is_nameable(signal) for signal in signals], np.bool_)
    named = name_signals(shares, profile.weights, nameable).tolist()
    # Many items share one reason.
    because = {row: reasons.because_of(signals[row], gathered.signal_titles[row]) for row in set(named) if row >= 0}
    return {movie: because[row] for movie, row in zip(movie_ids, named, strict=True) if row >= 0}


def signal_contributions(
    movie_ids: Sequence[int], profile: UserProfile, gathered: GatheredList
) -> tuple[list[Signal], NDArray[np.float32]]:
    """The k signals of the profile, and the share of each in what lifts each of n movies, float32 (k, n).

    0 for a movie without factors.
    """
    pool = gathered.pool
    average = pool.item_factors[pool.has_factors].mean(axis=0) if pool.has_factors.any() else profile.query * 0
    known, factors = gathered.movies.factors(movie_ids)
    signals = [gathered.request.signals[position] for position in profile.signal_positions.tolist()]
    return signals, contribution_shares(profile, factors, average) * known


def diversify(items: Items, gathered: GatheredList) -> Items:
    """Re-rank the top of the list."""
    ids, scores = [item.movie_id for item in items], [item.score for item in items]
    order = diversified_order(ids, scores, gathered.movies, gathered.request.reranking)
    return [items[position] for position in order]


def diversified_order(
    movie_ids: Sequence[int], scores: Sequence[float], movies: MovieFeatures, config: RerankConfig | None = None
) -> list[int]:
    """The positions of a list's movies after re-ranking its top; see algorithms.listing.reranking.

    Movies are compared by their few-shot factors. config: by default that of the settings.
    """
    config = config or serving_config().reranking
    _, factors = movies.factors(movie_ids[: config.depth])
    groups = [movies.groups[movie_id] for movie_id in movie_ids[: config.depth]]
    return rerank(np.array(scores), factors[:, :FEW_SHOT_DIMENSIONS], groups, config).tolist()


def apply_factors(items: Items, gathered: GatheredList) -> Items:
    """Multiply scores by boosts and damps, and move these items; the best LIST_SIZE items, pinned ones included."""
    rules = gathered.request.rules
    if not rules.rules:
        return items
    changes = factors_of(rules, [item.movie_id for item in items], gathered.movies)
    if changes:
        used = Counter(pin.place // RUN for pin in _pins(items, gathered))
        factors = [changes[item.movie_id][0] if item.movie_id in changes else 1.0 for item in items]
        order, moved = curated_order([item.score for item in items], factors, used)
        items = [_changed(items[n], *changes[items[n].movie_id]) if n in moved else items[n] for n in order]
    pinned = {movie for rule in rules.of_kind(Kind.PIN) for movie in rule.movies}
    return [*items[:LIST_SIZE], *(item for item in items[LIST_SIZE:] if item.movie_id in pinned)]


def _changed(item: RankedItem, factor: float, rule: Rule) -> RankedItem:
    return item._replace(score=round(min(item.score * factor, 1.0), 6), rule=rule)


def place_pins(items: Items, gathered: GatheredList) -> Items:
    """Put pinned movies at their places; at most LIST_SIZE items."""
    if not gathered.request.rules.rules:
        return items
    length = min(len(items), LIST_SIZE)
    pins = [pin for pin in _pins(items, gathered) if pin.place < length]
    pinned = {pin.movie_id for pin in pins}
    by_movie = {item.movie_id: item for item in items if item.movie_id in pinned}
    rest = [item for item in items if item.movie_id not in pinned]
    for pin in pins:
        item = by_movie.get(pin.movie_id)
        if item is not None:
            rest.insert(pin.place, item._replace(reason=reasons.CURATED, explored=False, rule=pin.rule))
    return rest[:LIST_SIZE]


def _pins(items: Items, gathered: GatheredList) -> list[Pin]:
    order = {item.movie_id: n for n, item in enumerate(items)}
    return pins_of(gathered.request.rules, gathered.movies, order)


def insert_new_movies(items: Items, gathered: GatheredList) -> Items:
    """Insert new movies at their positions, marked ``explored``; the length of the list does not change.

    A new movie further down the list moves up. One that was not in the list gets the score of the last item, attributed
    to real time alone.
    """
    chosen = choose_new_movies([item.movie_id for item in items[:LIST_SIZE]], gathered)
    if not chosen:
        return items
    # Beyond the list are movies that will be pinned.
    items, beyond = items[:LIST_SIZE], items[LIST_SIZE:]
    listed = {item.movie_id: item for item in items}
    rest = [item for item in items if item.movie_id not in {new.movie_id for new in chosen}]
    for new in chosen:
        item = listed.get(new.movie_id) or _new_item(new, items[-1], gathered)
        rest.insert(new.position, item._replace(reason=new.reason, explored=True))
    inserted = {new.movie_id for new in chosen}
    return [*rest[: len(items)], *(item for item in beyond if item.movie_id not in inserted)]


def _new_item(new: NewMovie, last: RankedItem, gathered: GatheredList) -> RankedItem:
    shares = tuple(float(column == _REALTIME) for column in range(len(last.shares)))
    [rating] = _predicted_ratings([new.movie_id], gathered)
    return RankedItem(new.movie_id, last.score, shares, predicted_rating=rating)


# Applied to the best candidates in this order. Reasons depend on the final order, and new movies have their own.
# Pins come last, so that their places are those that staff chose.
STAGES: tuple[Stage, ...] = (diversify, apply_factors, add_reasons, insert_new_movies, place_pins)
