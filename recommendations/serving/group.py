"""A list for several people at once: what each of them would like of all that any of them might, brought together.

Whoever asks sees how well each movie suits each member, but not what a score is made of. What is missing has been seen
by somebody, so a list takes no filters, by which one movie after the other could be asked about.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from events.selectors import Signal, histories
from recommendations.algorithms.listing.blending import (
    LIST_SIZE,
    POPULAR_CANDIDATES,
    REALTIME_CANDIDATES,
    SOURCES,
    blend,
    shift_to_list_floor,
)
from recommendations.algorithms.listing.group_aggregation import (
    Strategy,
    group_order,
    group_scores,
    popular_share,
    suited,
)
from recommendations.retrieval import candidates, reasons
from recommendations.retrieval.database_state import catalogue_token
from recommendations.retrieval.filters import ListFilters
from recommendations.retrieval.movie_features import feature_cache_for
from recommendations.serving.personal import (
    REALTIME,
    Items,
    ListRequest,
    UserProfile,
    batch_scores,
    build_user_profile,
    diversify,
    weights_of,
)

Matrix = NDArray[np.float64]


@dataclass(frozen=True)
class Member:
    """What one of the group goes by."""

    live: candidates.LiveModel
    signals: list[Signal]
    taste: UserProfile | None
    weights: dict[str, float]

    @property
    def query(self) -> candidates.Vector | None:
        """What to look for near; None where nothing speaks for anything."""
        return self.taste.query if self.taste is not None and self.taste.positive else None


@dataclass(frozen=True)
class GroupList:
    """Up to the wanted items, best first, each with its score and those of the members in their order."""

    version_id: int | None
    items: Items


def group_list(user_ids: Sequence[int], strategy: Strategy, limit: int) -> GroupList:
    """The list for these people, at most ``limit`` movies that none of them has seen; deterministic.

    Three queries for however many people, with the search by vector, when everything about the movies is remembered;
    up to eight otherwise. Reads only.
    """
    lives = candidates.live_models(user_ids)
    version_id = lives[user_ids[0]].version_id
    told = histories(user_ids, REALTIME.signals)
    facts = feature_cache_for(catalogue_token())
    asked = ListRequest(facts, ListFilters(), set().union(*(seen for _, seen in told.values())))
    if version_id is not None:
        # All at once, so that it is one query.
        facts.vectors(version_id).query_factors(
            sorted({signal.movie_id for signals, _ in told.values() for signal in signals})
        )
    members = [_member(asked, lives[user_id], told[user_id][0]) for user_id in user_ids]
    popular_ids, raw = asked.popular(POPULAR_CANDIDATES, asked.unwanted)
    popular = dict(zip(popular_ids, shift_to_list_floor(np.array(raw), LIST_SIZE).tolist(), strict=True))
    cards = _possible(asked, version_id, members, popular, limit)
    if not cards:
        return GroupList(version_id, [])
    ids = np.array(sorted(cards), np.int64)
    scored = [_scores(member, ids, popular) for member in members]
    scores, of_popular = np.stack([one for one, _ in scored]), np.stack([share for _, share in scored])
    items = _items(ids, scores, of_popular, strategy, cards)
    return GroupList(version_id, diversify(facts, items[:LIST_SIZE], version_id)[:limit])


def _member(asked: ListRequest, live: candidates.LiveModel, signals: list[Signal]) -> Member:
    taste = build_user_profile(asked.facts, live.version_id, signals)
    return Member(live, signals, taste, weights_of(live, taste))


def _possible(
    asked: ListRequest, version_id: int | None, members: Sequence[Member], popular: dict[int, float], limit: int
) -> dict[int, dict[str, Any]]:
    """The cards of all movies that may stand in the list: of any member's nightly list, near any member's taste, or
    popular; and any others where those are fewer than ``limit``."""
    ids = ({movie for member in members for movie in member.live.movie_ids} - asked.unwanted) | popular.keys()
    if version_id is not None:
        queries = [member.query for member in members if member.query is not None]
        nearest = candidates.nearest_to_each(version_id, queries, asked.unwanted, REALTIME_CANDIDATES)
        ids = ids.union(*nearest)
    cards = asked.facts.cards(sorted(ids))
    if len(cards) < limit:
        taken = asked.unwanted | cards.keys()
        cards |= asked.facts.cards(candidates.catalogue_movies(limit - len(cards), taken, asked.filters))
    return cards


def _scores(member: Member, ids: NDArray[np.int64], popular: dict[int, float]) -> tuple[Matrix, Matrix]:
    """The member's score of each movie, from 0 to 1, and how much of it comes from what is popular; shapes (n,).

    Calibrated as in their own list, but real time is not cut off at the nearest movies: what a member cares little for
    must still be told from what they cannot stand. 0 where nothing that counts for the member knows the movie.
    """
    batch = batch_scores(member.live)
    listed = ids.tolist()
    sources: dict[str, NDArray[np.floating]] = {"batch": np.array([batch.get(movie, np.nan) for movie in listed])}
    sources["popular"] = np.array([popular.get(movie, np.nan) for movie in listed])
    if member.taste is not None:
        known, factors = member.taste.vectors.item_factors(listed)
        sources["realtime"] = np.where(known, factors @ member.taste.query, np.nan)
    blended = blend(ids, sources, member.weights)
    places = np.searchsorted(ids, blended.item_ids)
    scores, share = np.zeros(len(ids)), np.zeros(len(ids))
    scores[places] = blended.scores
    share[places] = blended.shares[:, SOURCES.index("popular")]
    return scores, share


def _items(
    ids: NDArray[np.int64], scores: Matrix, of_popular: Matrix, strategy: Strategy, cards: dict[int, dict[str, Any]]
) -> Items:
    """All movies as the API shows them, best first."""
    worth = group_scores(scores, strategy)
    share = popular_share(scores, of_popular, strategy)
    suits = suited(scores).sum(axis=0)
    return [
        {
            "movie": cards[int(ids[place])],
            "score": float(worth[place]),
            "member_scores": scores[:, place].tolist(),
            "reason": reasons.of_group(float(share[place]), int(suits[place]), len(scores)),
        }
        for place in group_order(ids, scores, strategy).tolist()
    ]
