"""A list for several people at once: what each of them would like of all that any of them might, brought together.

Whoever asks sees how well each movie suits each member, but not what a score is made of. What is missing has been seen
by somebody, so a list takes no filters, by which one movie after the other could be asked about.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from events.selectors import histories
from recommendations.algorithms.listing.blending import LIST_SIZE, POPULAR_CANDIDATES, REALTIME_CANDIDATES
from recommendations.algorithms.listing.group_aggregation import RankedGroup, Strategy, rank_group
from recommendations.algorithms.listing.scoring import CandidatePool, ScoredItems
from recommendations.retrieval import candidates, reasons
from recommendations.retrieval.config import serving_config
from recommendations.retrieval.database_state import catalogue_token
from recommendations.retrieval.filters import ListFilters
from recommendations.retrieval.movie_features import MovieFeatureCache, MovieFeatures, feature_cache_for
from recommendations.serving.gather import REALTIME, user_profile
from recommendations.serving.present import diversified_order


class GroupItem(NamedTuple):
    """One movie of a group's list; member_scores in the order of the members."""

    movie_id: int
    score: float
    member_scores: list[float]
    reason: reasons.Reason


@dataclass(frozen=True)
class GatheredGroup:
    """All that one group's list is made of: a pool for each member, of the same candidates, and their features."""

    version_id: int | None
    pools: list[CandidatePool]
    movies: MovieFeatures


@dataclass(frozen=True)
class GroupList:
    """Up to the wanted items, best first, and the features of their movies."""

    version_id: int | None
    items: list[GroupItem]
    movies: MovieFeatures


def group_list(user_ids: Sequence[int], strategy: Strategy, limit: int) -> GroupList:
    """The list for these people, at most ``limit`` movies that none of them has seen; deterministic. Reads only."""
    gathered = gather_group(user_ids, limit)
    ranked = rank_group(gathered.pools, strategy, serving_config().ranking)
    return present_group(ranked, gathered, limit)


def gather_group(user_ids: Sequence[int], limit: int) -> GatheredGroup:
    """The candidates: any member's nightly list, the movies nearest to each member's query, and what is popular; and
    any others where those are fewer than ``limit``.

    Three queries for however many people, with the search by vector, when the movies' features are cached; up to eight
    otherwise.
    """
    live_models = candidates.live_models(user_ids)
    lives = [live_models[user_id] for user_id in user_ids]
    done = histories(user_ids, REALTIME.signals)
    seen = set[int]().union(*(seen for _, seen in done.values()))
    features, version_id = feature_cache_for(catalogue_token()), lives[0].version_id
    _fetch_query_factors(features, version_id, {signal.movie_id for signals, _ in done.values() for signal in signals})
    profiles = [user_profile(features, live, done[user_id][0]) for user_id, live in zip(user_ids, lives, strict=True)]
    popular = ScoredItems.of(*features.popular(POPULAR_CANDIDATES, seen))
    ids = {movie for live in lives for movie in live.movie_ids}.union(popular.item_ids.tolist()) - seen
    if version_id is not None:
        queries = [profile.query for profile in profiles if profile is not None and profile.positive]
        ids = ids.union(*candidates.nearest_to_each(version_id, queries, seen, REALTIME_CANDIDATES))
    movies = features.collect(ids, version_id)
    if len(movies.cards) < limit:
        missing = limit - len(movies.cards)
        ids = ids.union(candidates.catalogue_movies(missing, seen | movies.cards.keys(), ListFilters()))
        movies = features.collect(ids, version_id)
    item_ids = np.array(sorted(movies.cards), np.int64)
    has_factors, factors = movies.factors(item_ids)
    ranking = serving_config().ranking
    # No search limits a member's candidates: what one cares little for must be told from what another cannot stand.
    pools = [
        CandidatePool(
            item_ids,
            ranking.weights(has_batch=bool(live.movie_ids), profile=profile),
            has_factors,
            factors,
            batch=ScoredItems.of(live.movie_ids, live.scores),
            popular=popular,
            profile=profile,
        )
        for live, profile in zip(lives, profiles, strict=True)
    ]
    return GatheredGroup(version_id, pools, movies)


def _fetch_query_factors(features: MovieFeatureCache, version_id: int | None, movie_ids: set[int]) -> None:
    """Caches the factors of all members' signals at once, so that it is one query."""
    if version_id is not None:
        features.vectors(version_id).query_factors(sorted(movie_ids))


def present_group(ranked: RankedGroup, gathered: GatheredGroup, limit: int) -> GroupList:
    """The best ``limit`` movies of the group, with some variety at the top and the reason of each."""
    members = len(gathered.pools)
    best = ranked.item_ids[:LIST_SIZE].tolist()
    order = diversified_order(best, ranked.scores[:LIST_SIZE].tolist(), gathered.movies)
    items = [
        GroupItem(
            best[position],
            float(ranked.scores[position]),
            ranked.member_scores[:, position].tolist(),
            reasons.group_reason(float(ranked.popular_share[position]), int(ranked.suited_count[position]), members),
        )
        for position in order[:limit]
    ]
    return GroupList(gathered.version_id, items, gathered.movies)
