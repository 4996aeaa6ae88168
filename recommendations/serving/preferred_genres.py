"""The fallback for people with signals but no profile: popular movies of the genres that they like."""

from collections import defaultdict
from collections.abc import Collection, Sequence

import numpy as np

from events.selectors import Signal
from recommendations.algorithms.listing.blending import normalise
from recommendations.algorithms.listing.scoring import ScoredItems
from recommendations.algorithms.listing.session_query import signal_age_factors, signal_weights
from recommendations.retrieval import candidates, reasons
from recommendations.retrieval.event_weights import event_weights, signal_ages
from recommendations.retrieval.filters import ListFilters
from recommendations.retrieval.movie_features import MovieFeatureCache

# Only the genres with the highest preference count.
MAX_PREFERRED_GENRES = 3


def popular_in_preferred(
    features: MovieFeatureCache, signals: Sequence[Signal], filters: ListFilters, excluded: Collection[int], limit: int
) -> tuple[ScoredItems, dict[int, reasons.Reason]]:
    """Up to ``limit`` popular movies of the person's preferred genres, best first, and each one's reason, by id.

    Their scores are from 1 to 2, above those of generally popular movies, which are at most 1. Empty without a
    preferred genre. At most two queries.
    """
    preference, names = _genres(features, signals)
    if not preference:
        return ScoredItems(), {}
    parts: dict[int, dict[str, float]] = defaultdict(dict)
    for slug, listed in candidates.popular_by_genre(list(preference), filters).items():
        normalised = normalise(np.array([score for _, score in listed]))
        for (movie_id, _), score in zip(listed, normalised.tolist(), strict=True):
            if movie_id not in excluded:
                parts[movie_id][slug] = preference[slug] * score
    total = {movie_id: sum(of_genres.values()) for movie_id, of_genres in parts.items()}
    best = sorted(total, key=lambda movie_id: (-total[movie_id], movie_id))[:limit]
    highest = max(total.values(), default=0.0) or 1.0
    strongest = {movie_id: max(sorted(parts[movie_id]), key=parts[movie_id].__getitem__) for movie_id in best}
    return (
        ScoredItems.of(best, [1.0 + total[movie_id] / highest for movie_id in best]),
        {movie_id: reasons.popular_in_genre(names[slug], slug) for movie_id, slug in strongest.items()},
    )


def _genres(features: MovieFeatureCache, signals: Sequence[Signal]) -> tuple[dict[str, float], dict[str, str]]:
    """The preference for each preferred genre, summing to 1, and the names of genres; both by slug."""
    kinds, values = [signal.kind for signal in signals], [signal.value for signal in signals]
    table = event_weights()
    aged = signal_weights(kinds, values, weights=table) * signal_age_factors(kinds, signal_ages(signals), table)
    weights = aged.tolist()
    cards = features.cards([signal.movie_id for signal in signals])
    preference: dict[str, float] = defaultdict(float)
    names: dict[str, str] = {}
    for signal, weight in zip(signals, weights, strict=True):
        for genre in cards.get(signal.movie_id, {}).get("genres", []):
            preference[genre["slug"]] += weight
            names[genre["slug"]] = genre["name"]
    liked = sorted((slug for slug in preference if preference[slug] > 0), key=lambda slug: (-preference[slug], slug))
    preferred = liked[:MAX_PREFERRED_GENRES]
    total = sum(preference[slug] for slug in preferred)
    return {slug: preference[slug] / total for slug in preferred}, names
