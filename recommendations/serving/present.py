"""The last phase of a list: the best of the ranked candidates become the items that are shown.

``STAGES`` run in order, each a function of the items and of what was gathered. A new one (a rule of curation, say) is a
function with this signature and a line in STAGES.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from recommendations.algorithms.listing.blending import LIST_SIZE, SOURCES, RankedList
from recommendations.algorithms.listing.reranking import rerank
from recommendations.algorithms.listing.scoring import top_contributions
from recommendations.retrieval import reasons
from recommendations.retrieval.config import serving_config
from recommendations.retrieval.movie_features import MovieFeatures
from recommendations.serving.exploration import NewMovie, choose_new_movies
from recommendations.serving.gather import GatheredList

# The columns of shares.
COLUMNS = (*SOURCES, "mood")
_POPULAR, _REALTIME = SOURCES.index("popular"), SOURCES.index("realtime")


class RankedItem(NamedTuple):
    """One movie of a list. shares: of its score by source, in the order of COLUMNS; the mood's only with a mood."""

    movie_id: int
    score: float
    shares: tuple[float, ...]
    reason: reasons.Reason = reasons.TASTE
    predicted_rating: float | None = None
    explored: bool = False


Items = list[RankedItem]
Stage = Callable[[Items, GatheredList], Items]


@dataclass(frozen=True)
class PresentedList:
    """Up to LIST_SIZE items, best first, and what they were made from.

    version_id: the live version, None without one; user_state: ``known`` to the nightly model, ``new`` with signals
    alone, ``cold`` without any; explored: the movies that have their place for being new.
    """

    version_id: int | None
    user_state: str
    items: Items
    explored: list[int]
    gathered: GatheredList


def present(ranked: RankedList, gathered: GatheredList) -> PresentedList:
    """The best LIST_SIZE of the ranked candidates, taken through all stages. Reads nothing."""
    items = _best_items(ranked)
    for stage in STAGES:
        items = stage(items, gathered)
    live = gathered.request.live
    state = "known" if live.movie_ids else "new" if gathered.request.signals else "cold"
    explored = [item.movie_id for item in items if item.explored]
    return PresentedList(live.version_id, state, items, explored, gathered)


def _best_items(ranked: RankedList) -> Items:
    ids, scores = ranked.item_ids[:LIST_SIZE].tolist(), ranked.scores[:LIST_SIZE].tolist()
    shares = _round_shares(ranked.shares[:LIST_SIZE])
    return [RankedItem(*row) for row in zip(ids, scores, map(tuple, shares), strict=True)]


def _round_shares(shares: NDArray[np.float64]) -> list[list[float]]:
    """Shares to four places that still sum to 1: the largest takes what rounding lost."""
    rounded = np.round(shares, 4)
    rows, largest = np.arange(len(shares)), shares.argmax(axis=1)
    rounded[rows, largest] = np.round(1 - (rounded.sum(axis=1) - rounded[rows, largest]), 4)
    return rounded.tolist()


def add_reasons(items: Items, gathered: GatheredList) -> Items:
    """Popularity, with everyone or in a genre, where it gave most of the score or no signal speaks for anything; else
    the signal that speaks for the movie most, if one stands out; else taste."""
    profile, by_movie = gathered.pool.profile, {}
    most = 0.5 if profile is not None and profile.positive else 0.0
    by_taste = []
    for item in items:
        if item.shares[_POPULAR] > most:
            by_movie[item.movie_id] = gathered.genre_reasons.get(item.movie_id, reasons.POPULAR)
        else:
            by_taste.append(item.movie_id)
    if profile is not None:
        known, factors = gathered.movies.factors(by_taste)
        strongest, share = top_contributions(profile, factors)
        notable = np.flatnonzero(known & (share >= reasons.NOTABLE_SHARE)).tolist()
        signals = [gathered.request.signals[position] for position in profile.signal_positions.tolist()]
        # Many items share one reason.
        because = {
            row: reasons.because_of(signals[row], gathered.signal_titles[row]) for row in {*strongest[notable].tolist()}
        }
        by_movie |= {by_taste[row]: because[int(strongest[row])] for row in notable}
    return [item._replace(reason=by_movie.get(item.movie_id, reasons.TASTE)) for item in items]


def diversify(items: Items, gathered: GatheredList) -> Items:
    """The items with some variety at the top."""
    order = diversified_order([item.movie_id for item in items], [item.score for item in items], gathered.movies)
    return [items[position] for position in order]


def diversified_order(movie_ids: Sequence[int], scores: Sequence[float], movies: MovieFeatures) -> list[int]:
    """The positions of a list, best first, after some variety at its top; see algorithms.listing.reranking."""
    config = serving_config().reranking
    _, factors = movies.factors(movie_ids[: config.depth])
    groups = [movies.groups[movie_id] for movie_id in movie_ids[: config.depth]]
    return rerank(np.array(scores), factors, groups, config).tolist()


def add_predicted_ratings(items: Items, gathered: GatheredList) -> Items:
    """The items with what the person would probably give them, where the nightly list says so."""
    return [item._replace(predicted_rating=gathered.ratings.get(item.movie_id)) for item in items]


def insert_new_movies(items: Items, gathered: GatheredList) -> Items:
    """New movies at their places, marked ``explored``; the list stays as long as it was.

    A new movie of further down moves up. One that was not in the list scores as its last, all of it by real time.
    """
    chosen = choose_new_movies([item.movie_id for item in items], gathered)
    if not chosen:
        return items
    listed = {item.movie_id: item for item in items}
    rest = [item for item in items if item.movie_id not in {new.movie_id for new in chosen}]
    for new in chosen:
        item = listed.get(new.movie_id) or _new_item(new, items[-1])
        rest.insert(new.position, item._replace(reason=new.reason, explored=True))
    return rest[: len(items)]


def _new_item(new: NewMovie, last: RankedItem) -> RankedItem:
    return RankedItem(new.movie_id, last.score, tuple(float(row == _REALTIME) for row in range(len(last.shares))))


# What happens to the best candidates, in this order.
STAGES: tuple[Stage, ...] = (add_reasons, diversify, add_predicted_ratings, insert_new_movies)
