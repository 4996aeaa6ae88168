"""One person's list, computed: candidates from each source, blended, filled, with shares and reasons."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from django.conf import settings

from accounts.models import User
from events.selectors import Signal, newest_signals, seen_movie_ids
from movies.selectors import movie_cards
from recommendations import candidates, reasons
from recommendations.algorithms.blending import SOURCES, BlendConfig, Blended, above_list, blend, fill
from recommendations.algorithms.realtime import (
    RealtimeConfig,
    drivers,
    query_vector,
    recency_weights,
    signal_weights,
)

LIST_SIZE = 100
# More than a list of each source: some will be hidden since, and a blend needs what both sources know.
REALTIME_CANDIDATES = 150
POPULAR_CANDIDATES = 200
REALTIME = RealtimeConfig()


@dataclass(frozen=True)
class PersonalList:
    """Up to LIST_SIZE items, best first, as the API shows them, and what they came from."""

    version_id: int | None
    user_state: str
    items: list[dict[str, Any]]


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


def personal_list(user: User) -> PersonalList:
    """Computes the list. Eight queries or so, none of which grows with the list; reads only."""
    live = candidates.live_model(user.pk)
    seen = seen_movie_ids(user.pk)
    signals = newest_signals(user.pk, REALTIME.signals)
    taste = _taste(live.version_id, signals)
    weights = BlendConfig(**settings.BLEND_WEIGHTS).weights(
        has_batch=bool(live.movie_ids),
        signals=len(taste.signals) if taste else 0,
        positive=taste.positive if taste else 0,
    )
    ranked, factors = _ranked(live, taste, seen, weights)
    items = _items(ranked, seen)
    _explain(items, taste, factors)
    ratings = live.rating_of()
    for item in items:
        item["predicted_rating"] = ratings.get(item["movie"]["id"])
    state = "known" if live.movie_ids else "new" if signals else "stranger"
    return PersonalList(live.version_id, state, items)


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
    live: candidates.LiveModel, taste: Taste | None, seen: set[int], weights: dict[str, float]
) -> tuple[Blended, dict[int, candidates.Vector]]:
    """All candidates blended, and the item factors of those that have any."""
    batch = {movie: score for movie, score in zip(live.movie_ids, live.scores, strict=True) if movie not in seen}
    popular: dict[int, float] = {}
    factors: dict[int, candidates.Vector] = {}
    if weights["popular"]:
        movie_ids, scores = candidates.popular_movies(POPULAR_CANDIDATES, seen)
        popular = dict(zip(movie_ids, above_list(np.array(scores), LIST_SIZE).tolist(), strict=True))
    if taste is not None and live.version_id is not None:
        wanted = batch.keys() | popular.keys()
        if taste.positive:
            wanted |= set(candidates.nearest_movies(live.version_id, taste.query, seen, REALTIME_CANDIDATES))
        factors = candidates.item_factors_of(live.version_id, wanted)
    ids = np.array(sorted(batch.keys() | popular.keys() | factors.keys()), np.int64)
    sources = {
        "batch": np.array([batch.get(movie, np.nan) for movie in ids.tolist()]),
        "popular": np.array([popular.get(movie, np.nan) for movie in ids.tolist()]),
    }
    if taste is not None:
        sources["realtime"] = np.array(
            [factors[movie] @ taste.query if movie in factors else np.nan for movie in ids.tolist()]
        )
    return blend(ids, sources, weights), factors


def _items(ranked: Blended, seen: set[int]) -> list[dict[str, Any]]:
    """The best LIST_SIZE published movies with score and sources, filled with popular ones where they run out."""
    items: list[dict[str, Any]] = []
    # A few more than a list at once: usually few are hidden, so the second query is rare.
    step = LIST_SIZE * 5 // 4
    for start in range(0, len(ranked), step):
        cards = movie_cards(ranked.item_ids[start : start + step].tolist())
        for place in range(start, min(start + step, len(ranked))):
            card = cards.get(int(ranked.item_ids[place]))
            if card is not None:
                items.append(_item(card, float(ranked.scores[place]), ranked.shares[place].tolist()))
        if len(items) >= LIST_SIZE:
            return items[:LIST_SIZE]
    taken = seen | {item["movie"]["id"] for item in items}
    ids, raw = candidates.popular_movies(LIST_SIZE - len(items), taken)
    cards = movie_cards(ids) if ids else {}
    scores = fill(np.array(raw), items[-1]["score"] if items else None)
    filled = [
        _item(cards[i], float(score), [0.0, 0.0, 1.0]) for i, score in zip(ids, scores, strict=True) if i in cards
    ]
    return items + filled


def _item(card: dict[str, Any], score: float, shares: list[float]) -> dict[str, Any]:
    rounded = [round(share, 4) for share in shares]
    # The largest share takes what rounding lost, so that the shares still sum to 1.
    largest = rounded.index(max(rounded))
    rounded[largest] = round(1 - sum(rounded[:largest] + rounded[largest + 1 :]), 4)
    return {"movie": card, "score": score, "sources": dict(zip(SOURCES, rounded, strict=True))}


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
