"""One person's list, computed: candidates from each source, blended, filled, with shares and reasons."""

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from accounts.models import User
from events.selectors import Signal, history
from recommendations.algorithms.listing.blending import (
    LIST_SIZE,
    POPULAR_CANDIDATES,
    REALTIME_CANDIDATES,
    SOURCES,
    Blended,
    blend,
    fill,
    normalise,
    shift_to_list_floor,
    shift_to_nearest_floor,
    with_mood,
)
from recommendations.algorithms.listing.reranking import rerank
from recommendations.algorithms.listing.session_query import (
    RealtimeConfig,
    query_vector,
    recency_weights,
    signal_weights,
    top_contributions,
    truncate_directions,
)
from recommendations.models import FACTOR_DIMENSIONS
from recommendations.retrieval import candidates, reasons
from recommendations.retrieval.config import serving_config
from recommendations.retrieval.database_state import catalogue_token
from recommendations.retrieval.filters import ListFilters
from recommendations.retrieval.movie_features import MovieFeatureCache, VersionVectors, feature_cache_for
from recommendations.retrieval.notices import Notice, of_mood
from recommendations.serving.exploration import explored
from recommendations.serving.preferred_genres import Popular, popular_in_preferred
from recommendations.vectors.text_query import TextMeaning, text_meaning

REALTIME = RealtimeConfig()
# The columns of shares.
_COLUMNS = (*SOURCES, "mood")
Items = list[dict[str, Any]]


@dataclass(frozen=True)
class PersonalList:
    """Up to LIST_SIZE items, best first, as the API shows them, what they came from and the explanation of it."""

    version_id: int | None
    user_state: str
    items: Items
    explanation: dict[str, Any] = field(default_factory=dict)
    notices: list[Notice] = field(default_factory=list)


@dataclass(frozen=True)
class ListRequest:
    """What a list is made under: facts of movies, filters, movies that must not stand in it, and what the mood means,
    if there is one."""

    facts: MovieFeatureCache
    filters: ListFilters
    unwanted: set[int]
    mood: TextMeaning | None = None

    def popular(self, limit: int, exclude: Collection[int]) -> tuple[list[int], list[float]]:
        """Up to ``limit`` popular movies that pass: ids and raw scores, best first."""
        if self.filters.narrows:
            return candidates.popular_movies(limit, exclude, filters=self.filters)
        return self.facts.popular(limit, exclude)


@dataclass(frozen=True)
class UserProfile:
    """What the newest signals say under the live version: k signals, newest first, and the vector made of them."""

    signals: list[Signal]
    weights: candidates.Vector
    query_factors: candidates.Vector
    query: candidates.Vector
    vectors: VersionVectors

    @property
    def positive(self) -> int:
        """How many signals speak for something."""
        return int((self.weights > 0).sum())


def personal_list(
    user: User, filters: ListFilters | None = None, *, facts: MovieFeatureCache | None = None
) -> PersonalList:
    """Computes the list. Two queries and a search by vector when everything about its movies is remembered; reads
    only. facts: those under the catalogue's token, if the caller has read that already."""
    live = candidates.live_model(user.pk)
    signals, seen = history(user.pk, REALTIME.signals)
    return list_for(live, signals, seen, filters or ListFilters(), facts=facts, explore=True)


def list_for(
    live: candidates.LiveModel,
    signals: list[Signal],
    seen: set[int],
    filters: ListFilters,
    *,
    facts: MovieFeatureCache | None = None,
    explore: bool = False,
) -> PersonalList:
    """The list of somebody of whom this is known: signals, newest first, and movies that they must not be shown.

    explore: whether new movies get their places; for lists that are logged.
    """
    facts = facts or feature_cache_for(catalogue_token())
    taste = build_user_profile(facts, live.version_id, signals)
    weights = weights_of(live, taste)
    asked = ListRequest(facts, filters, seen | filters.exclude, mood_meaning(filters))
    passing = filters.passing(live.movie_ids)
    wanted = passing - asked.unwanted
    batch = {movie: score for movie, score in batch_scores(live).items() if movie in wanted}
    preferred: Popular = ({}, {})
    if signals and taste is None and not live.movie_ids:
        preferred = popular_in_preferred(facts, signals, filters, asked.unwanted, LIST_SIZE)
    ranked = _ranked(asked, batch, taste, weights, preferred=preferred[0])
    items, unpublished = _items(asked, ranked)
    _explain(items, taste, preferred[1])
    items = diversify(facts, items, live.version_id)
    ratings = live.rating_of()
    for item in items:
        item["predicted_rating"] = ratings.get(item["movie"]["id"])
    exploration: dict[str, Any] = {"places": 0, "new_movies": 0, "movies": []}
    if explore:
        items, exploration = explored(
            facts,
            items,
            version_id=live.version_id,
            query=taste.query if taste is not None else None,
            filters=filters,
            unwanted=asked.unwanted,
        )
    state = "known" if live.movie_ids else "new" if signals else "cold"
    left_out = {
        "seen": len(seen),
        "excluded": len(filters.exclude),
        "of_batch_seen": len(seen.intersection(live.movie_ids)),
        "of_batch_filtered": len(set(live.movie_ids) - asked.unwanted - passing),
        "not_published": unpublished,
    }
    explanation = _explanation(live, signals, taste, weights, items) | {
        "left_out": left_out,
        "exploration": exploration,
    }
    return PersonalList(live.version_id, state, items, {"user_state": state, **explanation}, of_mood(asked.mood))


def weights_of(live: candidates.LiveModel, taste: UserProfile | None) -> dict[str, float]:
    """What each source weighs for somebody of this row of the nightly list and this taste."""
    return serving_config().blend.weights(
        has_batch=bool(live.movie_ids),
        signals=len(taste.signals) if taste else 0,
        positive=taste.positive if taste else 0,
        newer=live.newer(taste.signals) if taste else 0,
    )


def batch_scores(live: candidates.LiveModel) -> dict[int, float]:
    """The scores of the nightly list by movie, measured from its end."""
    scores = shift_to_list_floor(np.array(live.scores), LIST_SIZE).tolist()
    return dict(zip(live.movie_ids, scores, strict=True))


def _explanation(
    live: candidates.LiveModel,
    signals: list[Signal],
    taste: UserProfile | None,
    weights: dict[str, float],
    items: Items,
) -> dict[str, Any]:
    """How the list came about, as the API explains it: signals counted, batch, weights and shares of the sources."""
    counted = [] if taste is None else list(zip(taste.signals, taste.weights.tolist(), strict=True))
    shares = dict.fromkeys(_COLUMNS, 0.0)
    for item in items:
        for name, share in item["sources"].items():
            shares[name] += share
    return {
        "signals": {
            "read": len(signals),
            "counted": len(counted),
            "newer_than_batch": live.newer([signal for signal, _ in counted]),
            "newest": [
                {"movie_id": signal.movie_id, "kind": str(signal.kind), "value": signal.value, "weight": round(w, 4)}
                for signal, w in counted
            ],
        },
        "batch": {
            "model_version": live.version_id,
            "trained_at": None if live.trained_at is None else live.trained_at.isoformat(),
            "movies": len(live.movie_ids),
        },
        "weights": {name: round(weight, 4) for name, weight in weights.items()},
        "source_shares": {name: round(share / max(len(items), 1), 4) for name, share in shares.items()},
    }


def build_user_profile(facts: MovieFeatureCache, version_id: int | None, signals: list[Signal]) -> UserProfile | None:
    """None when the live version can make nothing of the signals."""
    if version_id is None or not signals:
        return None
    vectors = facts.vectors(version_id)
    usable, query_factors = vectors.query_factors([signal.movie_id for signal in signals])
    kept = [signal for signal, use in zip(signals, usable.tolist(), strict=True) if use]
    strength = signal_weights([signal.kind for signal in kept], [signal.value for signal in kept])
    # Recency counts among all signals, also those that the version does not know.
    weights = strength * recency_weights(len(signals), REALTIME.recency_half_life)[usable]
    if not weights.any():
        return None
    query = truncate_directions(query_vector(query_factors[usable], weights), len(kept), REALTIME)
    return UserProfile(kept, weights, query_factors[usable], query, vectors)


def _ranked(
    asked: ListRequest,
    batch: dict[int, float],
    taste: UserProfile | None,
    weights: dict[str, float],
    *,
    preferred: dict[int, float],
) -> Blended:
    """All candidates blended; what is popular in ``preferred`` genres before what is popular with everyone."""
    popular: dict[int, float] = {}
    if weights["popular"]:
        movie_ids, scores = asked.popular(POPULAR_CANDIDATES, asked.unwanted)
        popular = dict(zip(movie_ids, shift_to_list_floor(np.array(scores), LIST_SIZE).tolist(), strict=True))
        if preferred:
            popular = dict(zip(popular, normalise(np.array(list(popular.values()))).tolist(), strict=True)) | preferred
    known = batch.keys() | popular.keys()
    nearest: set[int] = set()
    if taste is not None and taste.positive:
        nearest.update(
            candidates.nearest_movies(
                taste.vectors.version_id, taste.query, asked.unwanted, REALTIME_CANDIDATES, asked.filters
            )
        )
        known |= nearest
    mood = mood_cosines(asked, known)
    ids = sorted(known | mood.keys())
    sources = {
        "batch": np.array([batch.get(movie, np.nan) for movie in ids]),
        "popular": np.array([popular.get(movie, np.nan) for movie in ids]),
    }
    if taste is not None:
        has_factors, factors = taste.vectors.item_factors(ids)
        similar = np.where(has_factors, factors @ taste.query, np.nan)
        if weights["batch"]:
            similar = shift_to_nearest_floor(
                similar, np.array([movie in nearest for movie in ids]), REALTIME_CANDIDATES
            )
        sources["realtime"] = similar
    blended = blend(np.array(ids, np.int64), sources, weights)
    if mood:
        cosines = np.array([mood.get(movie, np.nan) for movie in blended.item_ids.tolist()])
        blended = with_mood(blended, cosines, serving_config().mood_weight)
    return blended


def mood_meaning(filters: ListFilters) -> TextMeaning | None:
    """What the mood means; None without one."""
    return text_meaning(filters.mood) if filters.mood else None


def mood_cosines(asked: ListRequest, known: Collection[int]) -> dict[int, float]:
    """How near each candidate and the nearest other movies are to the mood; empty without one that means anything."""
    if asked.mood is None or asked.mood.vector is None:
        return {}
    version_id, vector = asked.mood.version_id, asked.mood.vector
    nearest = candidates.nearest_by_text(version_id, vector, asked.unwanted, REALTIME_CANDIDATES, asked.filters)
    return candidates.content_cosines(version_id, vector, {*known, *nearest})


def _items(asked: ListRequest, ranked: Blended) -> tuple[Items, int]:
    """The best LIST_SIZE published movies with score and sources, filled with popular ones where they run out; and how
    many on the way are not published."""
    unpublished = 0
    items: Items = []
    # A few more than a list at once: usually few are hidden, so the second round is rare.
    step = LIST_SIZE * 5 // 4
    ids, scores, shares = ranked.item_ids.tolist(), ranked.scores.tolist(), _shares(ranked.shares)
    for start in range(0, len(ids), step):
        cards = asked.facts.cards(ids[start : start + step])
        for place in range(start, min(start + step, len(ids))):
            card = cards.get(ids[place])
            if card is None:
                unpublished += 1
                continue
            items.append(_item(card, scores[place], shares[place]))
            if len(items) == LIST_SIZE:
                return items, unpublished
    return items + _filled(asked, items), unpublished


def _filled(asked: ListRequest, items: Items) -> Items:
    """What brings the items to LIST_SIZE: popular movies, then any that pass, all scored below the last of them."""
    taken = asked.unwanted | {item["movie"]["id"] for item in items}
    count = LIST_SIZE - len(items)
    ids, raw = asked.popular(count, taken)
    more = count - len(ids)
    if more:
        rest = candidates.catalogue_movies(more, taken | set(ids), asked.filters)
        ids, raw = [*ids, *rest], [*raw, *[min([0.0, *raw])] * len(rest)]
    cards = asked.facts.cards(ids)
    scores = fill(np.array(raw), items[-1]["score"] if items else None).tolist()
    return [_item(cards[i], score, [0.0, 0.0, 1.0]) for i, score in zip(ids, scores, strict=True) if i in cards]


def _shares(shares: NDArray[np.float64]) -> list[list[float]]:
    """Shares to four places that still sum to 1: the largest takes what rounding lost."""
    rounded = np.round(shares, 4)
    rows, largest = np.arange(len(shares)), shares.argmax(axis=1)
    rounded[rows, largest] = np.round(1 - (rounded.sum(axis=1) - rounded[rows, largest]), 4)
    return rounded.tolist()


def _item(card: dict[str, Any], score: float, shares: list[float]) -> dict[str, Any]:
    return {"movie": card, "score": score, "sources": dict(zip(_COLUMNS, shares, strict=False))}


def diversify(facts: MovieFeatureCache, items: Items, version_id: int | None) -> Items:
    """The items with some variety at the top; see algorithms.listing.reranking."""
    config = serving_config().reranking
    top = items[: config.reach]
    if not top:
        return items
    vectors = np.zeros((len(top), FACTOR_DIMENSIONS), np.float32)
    if config.diversity and version_id is not None:
        _, vectors = facts.vectors(version_id).item_factors([item["movie"]["id"] for item in top])
    groups = [facts.groups(item["movie"]["id"]) for item in top]
    order = rerank(np.array([item["score"] for item in top]), vectors, groups, config)
    return [top[place] for place in order.tolist()] + items[config.reach :]


def _explain(items: Items, taste: UserProfile | None, of_genre: dict[int, reasons.Reason]) -> None:
    """Adds each item's reason: popularity, with everyone or ``of_genre`` by movie, where it gave most of the score or
    there is no positive signal to go by; else the signal that speaks for it most, if one stands out; else taste."""
    liked_something = taste is not None and taste.positive > 0
    most = 0.5 if liked_something else 0.0
    for item in items:
        popular = of_genre.get(item["movie"]["id"], reasons.POPULAR)
        item["reason"] = popular if item["sources"]["popular"] > most else reasons.TASTE
    if taste is None:
        return
    explained = [item for item in items if item["reason"] is reasons.TASTE]
    known, factors = taste.vectors.item_factors([item["movie"]["id"] for item in explained])
    strongest, share = top_contributions(taste.query_factors, taste.weights, factors)
    because: dict[int, reasons.Reason] = {}
    for item, place, part in zip(explained, strongest.tolist(), np.where(known, share, 0).tolist(), strict=True):
        if place >= 0 and part >= reasons.NOTABLE_SHARE:
            if place not in because:
                signal = taste.signals[place]
                because[place] = reasons.because_of(signal, taste.vectors.titles[signal.movie_id])
            item["reason"] = because[place]
