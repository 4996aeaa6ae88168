"""The first phase of a list: reads everything it needs into one frozen object.

Only this phase waits for PostgreSQL or Redis. The next phases, ``rank`` and ``present``, only compute.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import NamedTuple

import numpy as np
import structlog

from events.memory import resting_movie_ids, watchlist_movie_ids
from events.selectors import Signal, history
from recommendations.algorithms.listing.blending import LIST_SIZE, POPULAR_CANDIDATES, REALTIME_CANDIDATES
from recommendations.algorithms.listing.reranking import RerankConfig
from recommendations.algorithms.listing.scoring import CandidatePool, RankingConfig, ScoredItems, candidate_ids
from recommendations.algorithms.listing.session_query import UserProfile
from recommendations.curation.active import (
    HOME_BY_SETTINGS,
    NO_RULES,
    ListRules,
    LiveScenario,
    Placement,
    curation_now,
    guest_placement,
)
from recommendations.experiments.running import NO_ASSIGNMENT, Assignment
from recommendations.retrieval import candidates
from recommendations.retrieval.candidates import LiveModel
from recommendations.retrieval.config import serving_config
from recommendations.retrieval.database_state import catalogue_token
from recommendations.retrieval.filters import ListFilters
from recommendations.retrieval.moods import mood_fits
from recommendations.retrieval.movie_features import MovieFeatureCache, MovieFeatures, feature_cache_for
from recommendations.retrieval.reasons import Reason
from recommendations.serving.predicted_ratings import RatingPredictions, rating_predictions
from recommendations.serving.preferred_genres import popular_in_preferred
from recommendations.serving.profiles import SIGNALS_READ, user_profile
from recommendations.vectors.text_query import TextMeaning, text_meaning

logger = structlog.get_logger(__name__)

_NO_POPULAR: tuple[ScoredItems, ScoredItems, dict[int, Reason]] = (ScoredItems(), ScoredItems(), {})


@dataclass(frozen=True)
class ListRequest:
    """The input of one list.

    signals: the newest signal of each movie, newest first; seen: ids of movies that must not be listed; explore:
    whether new movies are inserted, which only logged lists do; wanted: ids of movies to rank in any case, if they are
    published; resting: ids of movies that were shown lately, which return at the end of a list that is too short, the
    longest ago first; watchlist: ids of movies to leave out because they are on the person's watchlist; assignment: the
    arm of an experiment, whose overrides apply; scenario: where the list is shown; rules: of staff, in force for it;
    unavailable: ids of movies that are not available in the region of the filters.
    """

    live: LiveModel
    signals: list[Signal]
    seen: set[int]
    filters: ListFilters
    features: MovieFeatureCache
    explore: bool = False
    wanted: frozenset[int] = frozenset()
    resting: tuple[int, ...] = ()
    watchlist: frozenset[int] = frozenset()
    assignment: Assignment = NO_ASSIGNMENT
    scenario: LiveScenario = HOME_BY_SETTINGS
    rules: ListRules = NO_RULES
    unavailable: frozenset[int] = frozenset()

    @cached_property
    def excluded(self) -> set[int]:
        """Ids of movies that are not candidates: those that must not be listed, and those that rest."""
        return self.never_listed.union(self.resting)

    @cached_property
    def never_listed(self) -> set[int]:
        """Ids of movies that must not be listed: seen, on the watchlist, blocked, unavailable, or excluded by the
        filters."""
        return self.seen.union(self.filters.exclude, self.watchlist, self.rules.blocked, self.unavailable)

    @property
    def reranking(self) -> RerankConfig:
        """How the top of the list is re-ranked."""
        return self.assignment.overrides.reranking(serving_config().reranking)

    @property
    def exploration_places(self) -> int:
        """The number of positions for new movies."""
        return self.assignment.overrides.places(serving_config().exploration_places) if self.explore else 0

    def popular(self, limit: int, exclude: set[int]) -> ScoredItems:
        """Up to ``limit`` popular movies that pass the filters, best first."""
        if self.filters.narrows:
            return ScoredItems.of(*candidates.popular_movies(limit, exclude, filters=self.filters))
        return ScoredItems.of(*self.features.popular(limit, exclude))


class LeftOut(NamedTuple):
    """How many movies are left out of the list, by cause; the fields are those of the API's explanation."""

    seen: int
    excluded: int
    of_batch_seen: int
    of_batch_filtered: int
    of_batch_unavailable: int
    not_published: int
    resting: int
    watchlist: int
    # Resting movies that are back at the end of the list, because too few others are left.
    returned: int


@dataclass(frozen=True)
class GatheredList:
    """The data of one list.

    ranking: how the live version's candidates are scored; movies: features of the candidates, the fill and
    ``new_movies``; signal_titles: titles of the movies of the profile's signals, in the signals' order; ratings:
    predicts the person's ratings; genre_reasons: by movie id, for movies popular in preferred genres; new_movies:
    when each new movie that may be inserted was added, newest first.
    """

    request: ListRequest
    ranking: RankingConfig
    pool: CandidatePool
    movies: MovieFeatures
    left_out: LeftOut
    signal_titles: list[str] = field(default_factory=list)
    ratings: RatingPredictions = field(default_factory=RatingPredictions)
    mood: TextMeaning | None = None
    genre_reasons: dict[int, Reason] = field(default_factory=dict)
    new_movies: dict[int, datetime] = field(default_factory=dict)


def gather_for_user(
    user_id: int,
    filters: ListFilters | None = None,
    *,
    features: MovieFeatureCache | None = None,
    assignment: Assignment = NO_ASSIGNMENT,
    placement: Placement | None = None,
    wanted: frozenset[int] = frozenset(),
) -> GatheredList:
    """Read everything for one person's list. One query and a vector search when the movies' features are cached.

    One more query each if movies rest, and if the watchlist is left out.

    features: the feature cache of the current catalogue token, if the caller has already read the token. assignment:
    the person's arm; with a holdout the list is that of a guest, without what the person has seen. placement: the
    scenario, its rules, and the arm; without one no scenario and no rule applies. wanted: see ListRequest.
    """
    placement = placement or Placement(assignment)
    assignment = placement.assignment
    holdout = assignment.overrides.holdout
    live, signals, seen = _person_state(user_id, assignment)
    features = features or feature_cache_for(catalogue_token())
    asked = (ListFilters() if filters is None else filters).effective()
    rules = placement.rules(asked)
    filters = placement.scenario.config.filters.under(asked)
    hours = serving_config().repeat_after_hours if filters.repeat_after is None else filters.repeat_after
    request = ListRequest(
        live,
        [] if holdout else signals,
        seen,
        filters,
        features,
        explore=not holdout,
        resting=tuple(resting_movie_ids(user_id, hours)) if hours else (),
        watchlist=frozenset(watchlist_movie_ids(user_id)) if filters.exclude_watchlist else frozenset(),
        assignment=assignment,
        scenario=placement.scenario,
        rules=rules,
        wanted=wanted,
        unavailable=placement.curation.availability.unavailable(filters.region),
    )
    return gather(request)


def _person_state(user_id: int, assignment: Assignment) -> tuple[LiveModel, list[Signal], set[int]]:
    """The version that ranks for the person, their signals, and the ids of movies they have seen.

    The version is their arm's, or the live one, also where the arm's is gone; in a holdout without their nightly list.
    """
    if assignment.overrides.holdout:
        return candidates.live_model(), *history(user_id, SIGNALS_READ)
    version_id = assignment.overrides.model_version
    if version_id is not None:
        if (found := candidates.version_model(version_id, user_id)) is not None:
            return found, *history(user_id, SIGNALS_READ)
        logger.warning("experiment_version_gone", experiment=assignment.experiment, version=version_id)
    return candidates.live_model_and_history(user_id, SIGNALS_READ)


def gather_for_ranking(user_id: int | None, movie_ids: Collection[int], region: str = "") -> GatheredList:
    """Read everything for ranking these movies for one person, seen ones too, among the candidates of their list.

    region: movies that are not available there are left out; DEFAULT_REGION without one.

    The sources' scores are calibrated over all candidates, so the movies rank as they would in the person's list.
    Without ``user_id`` as for a guest who has done nothing.
    """
    live = candidates.live_model(user_id)
    signals, seen = history(user_id, SIGNALS_READ) if user_id is not None else ([], set())
    features, filters = feature_cache_for(catalogue_token()), ListFilters(region=region).effective()
    unavailable = curation_now().availability.unavailable(filters.region)
    wanted = frozenset(movie_ids) - unavailable
    request = ListRequest(live, signals, seen - wanted, filters, features, wanted=wanted, unavailable=unavailable)
    return gather(request)


def gather_for_guest(
    signals: Sequence[Signal],
    seen: set[int],
    filters: ListFilters,
    scenario: str = "session",
    *,
    placement: Placement | None = None,
) -> GatheredList:
    """Read everything for a guest's list, from their signals, newest first, and the ids of movies they have seen.

    scenario: where the list is shown; "session" may have rules of its own, too. placement: instead of that which is in
    force for the scenario.
    """
    live = candidates.live_model()
    newest = list(signals[:SIGNALS_READ])
    features = feature_cache_for(catalogue_token())
    placement, filters = placement or guest_placement(scenario), filters.effective()
    return gather(
        ListRequest(
            live,
            newest,
            seen,
            placement.scenario.config.filters.under(filters),
            features,
            assignment=placement.assignment,
            scenario=placement.scenario,
            rules=placement.rules(filters),
            unavailable=placement.curation.availability.unavailable(filters.region),
        )
    )


def gather(request: ListRequest) -> GatheredList:
    """Read the candidates of each source with a weight above 0, and the features of their movies."""
    live, excluded = request.live, request.excluded
    profile = user_profile(request.features, live, request.signals)
    ranking = request.assignment.overrides.ranking(request.features.serving(live.version_id).ranking)
    weights = ranking.weights(has_batch=bool(live.movie_ids), profile=profile)
    passing = request.filters.passing(live.movie_ids)
    popular, preferred, genre_reasons = _popular(request, profile) if weights["popular"] else _NO_POPULAR
    nearest = _nearest(request, profile) if weights["realtime"] else []
    lists = {"batch": ScoredItems.of(live.movie_ids, live.scores), "popular": popular}
    batch_filtered = set(live.movie_ids) - passing
    ids = candidate_ids([*lists.values(), preferred], nearest, excluded) - batch_filtered
    mood, cosines = _mood(request, ids)
    promoted = request.filters.passing(request.rules.promoted - request.never_listed)
    ids = ids.union(cosines, request.wanted, promoted)
    new_movies = _new_movies(request)
    ratings = rating_predictions(request.features, live, request.signals, len(request.seen))
    # Factors are needed to score against the query, to predict ratings and, with diversity, to compare items.
    needed = profile is not None or ratings.person is not None or request.reranking.diversity
    version_id = live.version_id if needed else None
    movies = request.features.collect(ids | new_movies.keys(), version_id)
    published = ids & movies.cards.keys()
    fill = _fill(request, published)
    if len(fill):
        movies = request.features.collect({*ids, *new_movies, *fill.item_ids.tolist()}, version_id)
        # Movies may be hidden between two queries.
        published &= movies.cards.keys()
        fill = fill.within(movies.cards)
    # Usually every movie that was fetched is a candidate.
    all_candidates = len(published) == len(movies.movie_ids)
    item_ids = movies.movie_ids if all_candidates else np.array(sorted(published), np.int64)
    has_factors, factors = movies.factors(item_ids)
    pool = CandidatePool(
        item_ids,
        weights,
        has_factors,
        factors,
        lists=lists,
        preferred=preferred,
        profile=profile,
        nearest=np.array(nearest, np.int64),
        mood=np.array([cosines.get(movie, np.nan) for movie in item_ids.tolist()]) if cosines else None,
        fill=fill,
    )
    return GatheredList(
        request,
        ranking,
        pool,
        movies,
        _left_out(request, batch_filtered, fill, not_published=len(ids) - len(published)),
        signal_titles=_signal_titles(request, profile),
        ratings=ratings,
        mood=mood,
        genre_reasons=genre_reasons,
        new_movies=new_movies,
    )


def _left_out(request: ListRequest, batch_filtered: set[int], fill: ScoredItems, *, not_published: int) -> LeftOut:
    """batch_filtered: ids of the nightly list that the filters leave out."""
    returned = set(request.resting).intersection(fill.item_ids.tolist())
    return LeftOut(
        seen=len(request.seen),
        excluded=len(request.filters.exclude),
        of_batch_seen=len(request.seen.intersection(request.live.movie_ids)),
        of_batch_filtered=len(batch_filtered - request.excluded),
        of_batch_unavailable=len(request.unavailable.intersection(request.live.movie_ids)),
        not_published=not_published,
        resting=len(set(request.resting) - request.never_listed) - len(returned),
        watchlist=len(request.watchlist),
        returned=len(returned),
    )


def _signal_titles(request: ListRequest, profile: UserProfile | None) -> list[str]:
    if profile is None or request.live.version_id is None:
        return []
    titles = request.features.vectors(request.live.version_id).titles
    return [titles[request.signals[position].movie_id] for position in profile.signal_positions.tolist()]


def _popular(request: ListRequest, profile: UserProfile | None) -> tuple[ScoredItems, ScoredItems, dict[int, Reason]]:
    """Popular movies; and, if the person has signals but no profile, popular movies of their preferred genres."""
    popular = request.popular(POPULAR_CANDIDATES, request.excluded)
    if profile is not None or not request.signals:
        return popular, ScoredItems(), {}
    preferred, reasons = popular_in_preferred(
        request.features, request.signals, request.filters, request.excluded, LIST_SIZE
    )
    return popular, preferred, reasons


def _nearest(request: ListRequest, profile: UserProfile | None) -> list[int]:
    """The movies nearest to the profile's query that pass the filters; empty without a positive signal."""
    version_id = request.live.version_id
    if version_id is None or profile is None or not profile.positive:
        return []
    return candidates.nearest_movies(version_id, profile.query, request.excluded, REALTIME_CANDIDATES, request.filters)


def _mood(request: ListRequest, known: set[int]) -> tuple[TextMeaning | None, dict[int, float]]:
    """The mood's text vector, and the cosine similarity to it of each candidate and of the nearest other movies."""
    if not request.filters.mood:
        return None, {}
    mood = text_meaning(request.filters.mood)
    if mood.vector is None:
        return mood, {}
    version_id, vector = mood.version_id, mood.vector
    nearest = candidates.nearest_to_mood(version_id, vector, request.excluded, REALTIME_CANDIDATES, request.filters)
    return mood, mood_fits(mood, {*known, *nearest})


def _new_movies(request: ListRequest) -> dict[int, datetime]:
    """The new movies that may be inserted; empty without exploration, or with a mood."""
    version_id = request.live.version_id
    if not request.exploration_places or request.filters.mood or version_id is None:
        return {}
    since, excluded = candidates.new_since(), request.excluded
    added = {
        movie: at
        for movie, at in request.features.new_movies(version_id).items()
        if at > since and movie not in excluded
    }
    passing = request.filters.passing(added)
    return {movie: at for movie, at in added.items() if movie in passing}


def _fill(request: ListRequest, listed: set[int]) -> ScoredItems:
    """Items that extend the list to LIST_SIZE: popular movies, then any that pass, scored like the least popular; then
    those that rest, the longest ago shown first."""
    missing = LIST_SIZE - len(listed)
    if missing <= 0:
        return ScoredItems()
    used = request.excluded | listed
    popular = request.popular(missing, used)
    still_missing = missing - len(popular)
    if not still_missing:
        return popular
    # The query itself leaves out what is not available.
    others = (used - request.unavailable).union(popular.item_ids.tolist())
    rest = candidates.catalogue_movies(still_missing, others, request.filters)
    resting = _passing_in_order(request)[: still_missing - len(rest)]
    rest = [*rest, *resting]
    lowest = min([0.0, *popular.scores.tolist()])
    return ScoredItems.of([*popular.item_ids.tolist(), *rest], [*popular.scores.tolist(), *[lowest] * len(rest)])


def _passing_in_order(request: ListRequest) -> list[int]:
    """The resting movies that pass the filters and may be listed, in their order. One query, if there are any."""
    rested = [movie for movie in request.resting if movie not in request.never_listed]
    passing = request.filters.passing(rested) if rested else set()
    return [movie for movie in rested if movie in passing]
