"""One person's list, computed: candidates from each source, blended, filled, with shares and reasons."""

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from django.conf import settings

from accounts.models import User
from events.selectors import Signal, newest_signals, seen_movie_ids
from movies.selectors import movie_cards
from recommendations import candidates, reasons
from recommendations.algorithms.blending import SOURCES, BlendConfig, Blended, above_list, blend, fill, with_mood
from recommendations.algorithms.realtime import (
    RealtimeConfig,
    drivers,
    query_vector,
    recency_weights,
    signal_weights,
)
from recommendations.algorithms.reranking import RerankConfig, franchise, rerank
from recommendations.filters import ListFilters
from recommendations.meaning import live_encoder, text_vector
from recommendations.models import FACTOR_DIMENSIONS

LIST_SIZE = 100
# More than a list of each source: some will be hidden since, and a blend needs what both sources know.
REALTIME_CANDIDATES = 150
POPULAR_CANDIDATES = 200
REALTIME = RealtimeConfig()


@dataclass(frozen=True)
class PersonalList:
    """Up to LIST_SIZE items, best first, as the API shows them, what they came from and the reckoning of it."""

    version_id: int | None
    user_state: str
    items: list[dict[str, Any]]
    reckoning: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Taste:
    """What the newest signals say under the live version: k signals, newest first, and the vector made of them."""

    signals: list[Signal]
    weights: candidates.Vector
    query_factors: candidates.Vector
    query: candidates.Vector
    titles: dict[int, str]

    @property
    def positive(self) -> int:
        """How many signals speak for something."""
        return int((self.weights > 0).sum())


def personal_list(user: User, filters: ListFilters | None = None) -> PersonalList:
    """Computes the list. Ten queries or so, none of which grows with the list; reads only."""
    live = candidates.live_model(user.pk)
    return list_for(live, newest_signals(user.pk, REALTIME.signals), seen_movie_ids(user.pk), filters or ListFilters())


def list_for(live: candidates.LiveModel, signals: list[Signal], seen: set[int], filters: ListFilters) -> PersonalList:
    """The list of somebody of whom this is known: signals, newest first, and movies that they must not be shown."""
    taste = _taste(live.version_id, signals)
    weights = BlendConfig(**settings.BLEND_WEIGHTS).weights(
        has_batch=bool(live.movie_ids),
        signals=len(taste.signals) if taste else 0,
        positive=taste.positive if taste else 0,
    )
    unwanted = seen | filters.exclude
    ranked, factors = _ranked(live, taste, unwanted, weights, filters)
    items, unpublished = _items(ranked, unwanted, filters)
    _explain(items, taste, factors)
    items = _varied(items, factors)
    ratings = live.rating_of()
    for item in items:
        item["predicted_rating"] = ratings.get(item["movie"]["id"])
    state = "known" if live.movie_ids else "new" if signals else "stranger"
    reckoning = _reckoning(live, signals, taste, weights, items)
    reckoning["left_out"] = {
        "seen": len(seen),
        "excluded": len(filters.exclude),
        "of_batch_seen": len(seen.intersection(live.movie_ids)),
        "of_batch_filtered": len(set(live.movie_ids) - unwanted - filters.passing(live.movie_ids)),
        "not_published": unpublished,
    }
    return PersonalList(live.version_id, state, items, {"user_state": state, **reckoning})


def _reckoning(
    live: candidates.LiveModel,
    signals: list[Signal],
    taste: Taste | None,
    weights: dict[str, float],
    items: list[dict[str, Any]],
) -> dict[str, Any]:
    """How the list came about, as the API explains it: signals counted, batch, weights and shares of the sources."""
    counted = [] if taste is None else list(zip(taste.signals, taste.weights.tolist(), strict=True))
    shares = [item["sources"] for item in items]
    return {
        "signals": {
            "read": len(signals),
            "counted": len(counted),
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
        "source_shares": {
            name: round(sum(share.get(name, 0.0) for share in shares) / max(len(shares), 1), 4)
            for name in (*SOURCES, "mood")
        },
    }


def _taste(version_id: int | None, signals: list[Signal]) -> Taste | None:
    """None when the live version can make nothing of the signals."""
    if version_id is None or not signals:
        return None
    usable = candidates.usable_signals(version_id, signals)
    kept = [signals[place] for place in usable.places]
    strength = signal_weights([signal.kind for signal in kept], [signal.value for signal in kept])
    # Recency counts among all signals, also those that the version does not know.
    weights = strength * recency_weights(len(signals), REALTIME.recency_half_life)[usable.places]
    if not weights.any():
        return None
    query = query_vector(usable.query_factors, weights)
    return Taste(kept, weights, usable.query_factors, query, usable.titles)


def _ranked(
    live: candidates.LiveModel,
    taste: Taste | None,
    seen: set[int],
    weights: dict[str, float],
    filters: ListFilters,
) -> tuple[Blended, dict[int, candidates.Vector]]:
    """All candidates blended, and the item factors of those that have any."""
    passing = filters.passing(live.movie_ids) - seen
    batch = {movie: score for movie, score in zip(live.movie_ids, live.scores, strict=True) if movie in passing}
    popular: dict[int, float] = {}
    factors: dict[int, candidates.Vector] = {}
    if weights["popular"]:
        movie_ids, scores = candidates.popular_movies(POPULAR_CANDIDATES, seen, filters=filters)
        popular = dict(zip(movie_ids, above_list(np.array(scores), LIST_SIZE).tolist(), strict=True))
    if taste is not None and live.version_id is not None:
        wanted = batch.keys() | popular.keys()
        if taste.positive:
            nearest = candidates.nearest_movies(live.version_id, taste.query, seen, REALTIME_CANDIDATES, filters)
            wanted |= set(nearest)
        factors = candidates.item_factors_of(live.version_id, wanted)
    mood = _mood(live.version_id, filters, seen, batch.keys() | popular.keys() | factors.keys())
    ids = np.array(sorted(batch.keys() | popular.keys() | factors.keys() | mood.keys()), np.int64)
    sources = {
        "batch": np.array([batch.get(movie, np.nan) for movie in ids.tolist()]),
        "popular": np.array([popular.get(movie, np.nan) for movie in ids.tolist()]),
    }
    if taste is not None:
        sources["realtime"] = np.array(
            [factors[movie] @ taste.query if movie in factors else np.nan for movie in ids.tolist()]
        )
    blended = blend(ids, sources, weights)
    if mood:
        cosines = np.array([mood.get(movie, np.nan) for movie in blended.item_ids.tolist()])
        blended = with_mood(blended, cosines, settings.MOOD_WEIGHT)
    return blended, factors


def _mood(version_id: int | None, filters: ListFilters, seen: set[int], known: Collection[int]) -> dict[int, float]:
    """How near each candidate and the nearest other movies are to the mood; empty without one, or without an encoder
    that knows any of its words."""
    live = live_encoder() if filters.mood and version_id is not None else None
    vector = text_vector(live[1], filters.mood) if live is not None else None
    if live is None or vector is None:
        return {}
    nearest = candidates.meant_movies(live[0], vector, seen, REALTIME_CANDIDATES, filters)
    return candidates.content_cosines(live[0], vector, {*known, *nearest})


def _items(ranked: Blended, seen: set[int], filters: ListFilters) -> tuple[list[dict[str, Any]], int]:
    """The best LIST_SIZE published movies with score and sources, filled with popular ones where they run out; and how
    many on the way are not published."""
    unpublished = 0
    items: list[dict[str, Any]] = []
    # A few more than a list at once: usually few are hidden, so the second query is rare.
    step = LIST_SIZE * 5 // 4
    for start in range(0, len(ranked), step):
        cards = movie_cards(ranked.item_ids[start : start + step].tolist())
        for place in range(start, min(start + step, len(ranked))):
            card = cards.get(int(ranked.item_ids[place]))
            unpublished += card is None
            if card is not None:
                items.append(_item(card, float(ranked.scores[place]), ranked.shares[place].tolist()))
        if len(items) >= LIST_SIZE:
            return items[:LIST_SIZE], unpublished
    taken = seen | {item["movie"]["id"] for item in items}
    ids, raw = candidates.popular_movies(LIST_SIZE - len(items), taken, filters=filters)
    more = LIST_SIZE - len(items) - len(ids)
    if more:
        rest = candidates.catalogue_movies(more, taken | set(ids), filters)
        ids, raw = [*ids, *rest], [*raw, *[min([0.0, *raw])] * len(rest)]
    cards = movie_cards(ids) if ids else {}
    scores = fill(np.array(raw), items[-1]["score"] if items else None)
    filled = [
        _item(cards[i], float(score), [0.0, 0.0, 1.0]) for i, score in zip(ids, scores, strict=True) if i in cards
    ]
    return items + filled, unpublished


def _item(card: dict[str, Any], score: float, shares: list[float]) -> dict[str, Any]:
    rounded = [round(share, 4) for share in shares]
    # The largest share takes what rounding lost, so that the shares still sum to 1.
    largest = rounded.index(max(rounded))
    rounded[largest] = round(1 - sum(rounded[:largest] + rounded[largest + 1 :]), 4)
    return {"movie": card, "score": score, "sources": dict(zip((*SOURCES, "mood"), rounded, strict=False))}


def _varied(items: list[dict[str, Any]], factors: dict[int, candidates.Vector]) -> list[dict[str, Any]]:
    """The items with some variety at the top; see algorithms.reranking."""
    config = RerankConfig(**settings.RERANKING)
    top = items[: config.reach]
    if not top:
        return items
    nothing = np.zeros(FACTOR_DIMENSIONS, np.float32)
    ids = [item["movie"]["id"] for item in top]
    directors = candidates.directors_of(ids)
    groups = [
        [*([name] if (name := franchise(item["movie"]["title"])) else []), *directors.get(item["movie"]["id"], [])]
        for item in top
    ]
    vectors = np.stack([factors.get(movie_id, nothing) for movie_id in ids])
    order = rerank(np.array([item["score"] for item in top]), vectors, groups, config)
    return [top[place] for place in order.tolist()] + items[config.reach :]


def _explain(items: list[dict[str, Any]], taste: Taste | None, factors: dict[int, candidates.Vector]) -> None:
    """Adds each item's reason: popularity where it gave most of the score or there is no positive signal to go by;
    else the signal that speaks for it most, if one stands out; else taste."""
    liked_something = taste is not None and taste.positive > 0
    most = 0.5 if liked_something else 0.0
    for item in items:
        item["reason"] = reasons.POPULAR if item["sources"]["popular"] > most else reasons.TASTE
    if taste is None:
        return
    explained = [item for item in items if item["reason"] is reasons.TASTE and item["movie"]["id"] in factors]
    if not explained:
        return
    rows = np.stack([factors[item["movie"]["id"]] for item in explained])
    strongest, share = drivers(taste.query_factors, taste.weights, rows)
    for item, place, part in zip(explained, strongest.tolist(), share.tolist(), strict=True):
        if place >= 0 and part >= reasons.NOTABLE_SHARE:
            signal = taste.signals[place]
            item["reason"] = reasons.because_of(signal, taste.titles[signal.movie_id])
