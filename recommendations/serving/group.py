"""Computes a list for a group: scores the same candidates for each member, then aggregates the scores.

A member must not find out what another has seen (docs/security.md). So nothing depends on it:

- No member's seen movies are left out, and nightly lists, which leave them out, are not used.
- A member's score of a movie ignores what they did with that movie. The catalogue is divided into FOLDS parts, and the
  movies of one part are scored by what the member did in the others. Within a part, the movies that a member has seen
  are scored by the same profile as those that they have not. Candidates are found in the same way.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from typing import NamedTuple

import numpy as np
from django.conf import settings
from numpy.typing import NDArray

from events.selectors import Signal, histories
from movies.availability.regions import effective_region
from recommendations.algorithms.listing.blending import LIST_SIZE, POPULAR_CANDIDATES, REALTIME_CANDIDATES
from recommendations.algorithms.listing.group_aggregation import RankedGroup, Strategy, rank_group
from recommendations.algorithms.listing.scoring import CandidatePool, RankingConfig, ScoredItems, candidate_ids
from recommendations.algorithms.listing.session_query import UserProfile
from recommendations.curation.active import never_listed_in
from recommendations.retrieval import candidates, reasons
from recommendations.retrieval.candidates import LiveModel
from recommendations.retrieval.database_state import catalogue_token
from recommendations.retrieval.filters import ListFilters
from recommendations.retrieval.movie_features import MovieFeatureCache, MovieFeatures, feature_cache_for
from recommendations.serving.present import diversified_order
from recommendations.serving.profiles import SIGNALS_READ, user_profile

# A movie is scored by (FOLDS - 1) / FOLDS of what a member did.
FOLDS = 4


class GroupItem(NamedTuple):
    """One movie of a group's list."""

    movie_id: int
    reason: reasons.Reason


@dataclass(frozen=True)
class GatheredGroup:
    """The data of one group's list: pools by member and fold, all with the same candidates, and their features.

    ranking: how the live version's candidates are scored; folds: of each candidate, int64 (n,).
    """

    version_id: int | None
    ranking: RankingConfig
    pools: list[list[CandidatePool]]
    folds: NDArray[np.int64]
    movies: MovieFeatures


@dataclass(frozen=True)
class GroupList:
    """The items of a group's list, best first, and the version that ranked them."""

    version_id: int | None
    items: list[GroupItem]


def compute_group(user_ids: Sequence[int], strategy: Strategy, *, unknown: Collection[int] = ()) -> GroupList:
    """Up to LIST_SIZE movies for these people. Deterministic; writes nothing.

    ``unknown``: those of them whose history is not read, as if they had done nothing.
    """
    gathered = gather_group(user_ids, unknown)
    ranked = rank_group(gathered.pools, gathered.folds, strategy, gathered.ranking)
    return present_group(ranked, gathered)


def gather_group(user_ids: Sequence[int], unknown: Collection[int] = ()) -> GatheredGroup:
    """Read the candidates: the movies nearest to each member's queries, and popular movies.

    If these are fewer than LIST_SIZE, other movies are added. Three queries, including the vector search, for any
    number of people when the movies' features are cached; up to eight otherwise.
    """
    live = candidates.live_model()
    known = [user_id for user_id in user_ids if user_id not in unknown]
    by_user = histories(known, SIGNALS_READ) if known else {}
    signals = [by_user[user_id][0] if user_id in by_user else [] for user_id in user_ids]
    features = feature_cache_for(catalogue_token())
    _fetch_query_factors(features, live.version_id, {signal.movie_id for own in signals for signal in own})
    profiles = [_profiles(features, live, own) for own in signals]
    # The list is for all regions, for a day: those of other regions get it without what they lack.
    never = never_listed_in(effective_region())
    popular = ScoredItems.of(*features.popular(POPULAR_CANDIDATES, never))
    ids = candidate_ids([popular], _nearest(live.version_id, profiles), never)
    movies = features.collect(ids, live.version_id)
    if len(movies.cards) < LIST_SIZE:
        missing = LIST_SIZE - len(movies.cards)
        ids = ids.union(candidates.catalogue_movies(missing, {*movies.cards, *never}, ListFilters()))
        movies = features.collect(ids, live.version_id)
    item_ids = np.array(sorted(movies.cards), np.int64)
    has_factors, factors = movies.factors(item_ids)
    ranking = features.serving(live.version_id).ranking
    # No ``nearest``: real-time scores have no floor here, because least misery must rank the low ones too.
    pools = [
        [
            CandidatePool(
                item_ids,
                ranking.weights(has_batch=False, profile=profile),
                has_factors,
                factors,
                lists={"popular": popular},
                profile=profile,
            )
            for profile in by_fold
        ]
        for by_fold in profiles
    ]
    folds = np.array([fold_of(movie_id) for movie_id in item_ids.tolist()], np.int64)
    return GatheredGroup(live.version_id, ranking, pools, folds, movies)


@lru_cache(maxsize=100_000)
def fold_of(movie_id: int) -> int:
    """The movie's part of the catalogue, 0 to FOLDS - 1: the same in every group, and secret."""
    key = settings.SECRET_KEY.encode()[:64]
    return blake2b(str(movie_id).encode(), key=key, digest_size=8).digest()[0] % FOLDS


def _profiles(features: MovieFeatureCache, live: LiveModel, signals: Sequence[Signal]) -> list[UserProfile | None]:
    """By fold, the profile of what the person did with the movies of the other folds."""
    return [
        user_profile(features, live, [signal for signal in signals if fold_of(signal.movie_id) != fold])
        for fold in range(FOLDS)
    ]


def _nearest(version_id: int | None, profiles: Sequence[Sequence[UserProfile | None]]) -> set[int]:
    """The movies nearest to each profile's query, of the profile's own fold only. One query."""
    if version_id is None:
        return set()
    queries = [
        (fold, profile.query)
        for by_fold in profiles
        for fold, profile in enumerate(by_fold)
        if profile is not None and profile.positive
    ]
    found = candidates.nearest_to_each(version_id, [query for _, query in queries], (), REALTIME_CANDIDATES)
    return {
        movie_id
        for (fold, _), nearest in zip(queries, found, strict=True)
        for movie_id in nearest
        if fold_of(movie_id) == fold
    }


def _fetch_query_factors(features: MovieFeatureCache, version_id: int | None, movie_ids: set[int]) -> None:
    """Cache the factors of all members' signals in one query."""
    if version_id is not None:
        features.vectors(version_id).query_factors(sorted(movie_ids))


def present_group(ranked: RankedGroup, gathered: GatheredGroup) -> GroupList:
    """Re-rank the best movies of the group and add reasons. No SQL, no Redis."""
    members = len(gathered.pools)
    best = ranked.item_ids[:LIST_SIZE].tolist()
    order = diversified_order(best, ranked.scores[:LIST_SIZE].tolist(), gathered.movies)
    items = [
        GroupItem(
            best[position],
            reasons.group_reason(float(ranked.popular_share[position]), int(ranked.suited_count[position]), members),
        )
        for position in order
    ]
    return GroupList(gathered.version_id, items)
