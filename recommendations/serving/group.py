"""Computes a list for a group: scores the same candidates for each member, then aggregates the scores.

The response has each member's score but no shares, to protect what members did. It takes no filters, because a movie
that is missing was seen by a member, and filters would let a member query movie by movie.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from events.selectors import histories
from recommendations.algorithms.listing.blending import LIST_SIZE, POPULAR_CANDIDATES, REALTIME_CANDIDATES
from recommendations.algorithms.listing.group_aggregation import RankedGroup, Strategy, rank_group
from recommendations.algorithms.listing.scoring import CandidatePool, RankingConfig, ScoredItems, candidate_ids
from recommendations.retrieval import candidates, reasons
from recommendations.retrieval.database_state import catalogue_token
from recommendations.retrieval.filters import ListFilters
from recommendations.retrieval.movie_features import MovieFeatureCache, MovieFeatures, feature_cache_for
from recommendations.serving.gather import SIGNALS_READ, user_profile
from recommendations.serving.present import diversified_order

# Decimals of the scores in a response: enough to compare movies, too few to infer what a member did.
SCORE_DECIMALS = 2


class GroupItem(NamedTuple):
    """One movie of a group's list; member_scores: 0 to 1, in the order of the members."""

    movie_id: int
    score: float
    member_scores: list[float]
    reason: reasons.Reason


@dataclass(frozen=True)
class GatheredGroup:
    """The data of one group's list: a pool per member, all with the same candidates, and the candidates' features.

    ranking: how the live version's candidates are scored.
    """

    version_id: int | None
    ranking: RankingConfig
    pools: list[CandidatePool]
    movies: MovieFeatures


@dataclass(frozen=True)
class GroupList:
    """The items of a group's list, best first, and the features of their movies."""

    version_id: int | None
    items: list[GroupItem]
    movies: MovieFeatures


def compute_group(user_ids: Sequence[int], strategy: Strategy, limit: int) -> GroupList:
    """At most ``limit`` movies for these people that none of them has seen. Deterministic; writes nothing."""
    gathered = gather_group(user_ids, limit)
    ranked = rank_group(gathered.pools, strategy, gathered.ranking)
    return present_group(ranked, gathered, limit)


def gather_group(user_ids: Sequence[int], limit: int) -> GatheredGroup:
    """Read the candidates: all members' nightly lists, the movies nearest to each member's query, and popular movies.

    If these are fewer than ``limit``, other movies are added. Three queries, including the vector search, for any
    number of people when the movies' features are cached; up to eight otherwise.
    """
    live_models = candidates.live_models(user_ids)
    lives = [live_models[user_id] for user_id in user_ids]
    by_user = histories(user_ids, SIGNALS_READ)
    seen = set[int]().union(*(seen_by_one for _, seen_by_one in by_user.values()))
    features, version_id = feature_cache_for(catalogue_token()), lives[0].version_id
    signal_movies = {signal.movie_id for signals, _ in by_user.values() for signal in signals}
    _fetch_query_factors(features, version_id, signal_movies)
    profiles = [user_profile(features, live, by_user[user][0]) for user, live in zip(user_ids, lives, strict=True)]
    popular = ScoredItems.of(*features.popular(POPULAR_CANDIDATES, seen))
    lists = [{"batch": ScoredItems.of(live.movie_ids, live.scores), "popular": popular} for live in lives]
    nearest = set[int]()
    if version_id is not None:
        queries = [profile.query for profile in profiles if profile is not None and profile.positive]
        nearest = nearest.union(*candidates.nearest_to_each(version_id, queries, seen, REALTIME_CANDIDATES))
    ids = candidate_ids((listed for by_source in lists for listed in by_source.values()), nearest, seen)
    movies = features.collect(ids, version_id)
    if len(movies.cards) < limit:
        missing = limit - len(movies.cards)
        ids = ids.union(candidates.catalogue_movies(missing, seen | movies.cards.keys(), ListFilters()))
        movies = features.collect(ids, version_id)
    item_ids = np.array(sorted(movies.cards), np.int64)
    has_factors, factors = movies.factors(item_ids)
    ranking = features.serving(version_id).ranking
    # No ``nearest``: real-time scores have no floor here, because least misery must rank the low ones too.
    pools = [
        CandidatePool(
            item_ids,
            ranking.weights(has_batch=bool(live.movie_ids), profile=profile),
            has_factors,
            factors,
            lists=by_source,
            profile=profile,
        )
        for live, by_source, profile in zip(lives, lists, profiles, strict=True)
    ]
    return GatheredGroup(version_id, ranking, pools, movies)


def _fetch_query_factors(features: MovieFeatureCache, version_id: int | None, movie_ids: set[int]) -> None:
    """Cache the factors of all members' signals in one query."""
    if version_id is not None:
        features.vectors(version_id).query_factors(sorted(movie_ids))


def present_group(ranked: RankedGroup, gathered: GatheredGroup, limit: int) -> GroupList:
    """Re-rank the best movies of the group, add reasons and take ``limit``. No SQL, no Redis."""
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


def group_item_fields(computed: GroupList) -> list[dict[str, Any]]:
    """The items with the API's fields. They share cards and reasons: do not change them in place."""
    cards = computed.movies.cards
    return [
        {
            "movie": cards[item.movie_id],
            "score": round(item.score, SCORE_DECIMALS),
            "member_scores": [round(score, SCORE_DECIMALS) for score in item.member_scores],
            "reason": item.reason,
        }
        for item in computed.items
    ]
