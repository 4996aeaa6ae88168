"""What to show somebody whose signals no model can read: what is popular in the genres of what they liked."""

from collections import defaultdict
from collections.abc import Collection, Sequence

import numpy as np

from events.selectors import Signal
from recommendations.algorithms.listing.blending import normalise
from recommendations.algorithms.listing.scoring import ScoredItems
from recommendations.algorithms.listing.session_query import signal_weights
from recommendations.retrieval import candidates, reasons
from recommendations.retrieval.filters import ListFilters
from recommendations.retrieval.movie_features import MovieFeatureCache

# More genres than these are no preference.
MAX_GENRES_COUNTED = 3


def popular_in_preferred(
    features: MovieFeatureCache, signals: Sequence[Signal], filters: ListFilters, excluded: Collection[int], limit: int
) -> tuple[ScoredItems, dict[int, reasons.Reason]]:
    """Up to ``limit`` movies that are popular in the person's genres, best first, and the reason of each. Their scores
    are from 1 to 2, above those of what is popular with everyone, which are at most 1.

    Nothing where no signal speaks for any genre. At most two queries.
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
    strongest = {i: max(sorted(parts[i]), key=lambda slug: parts[i][slug]) for i in best}
    return (
        ScoredItems.of(best, [1.0 + total[movie_id] / highest for movie_id in best]),
        {movie_id: reasons.popular_in_genre(names[slug], slug) for movie_id, slug in strongest.items()},
    )


def _genres(features: MovieFeatureCache, signals: Sequence[Signal]) -> tuple[dict[str, float], dict[str, str]]:
    """How much the signals speak for each of the genres that they speak for most, summing to 1, and the genres' names;
    both by slug."""
    weights = signal_weights([signal.kind for signal in signals], [signal.value for signal in signals]).tolist()
    cards = features.cards([signal.movie_id for signal in signals])
    preference: dict[str, float] = defaultdict(float)
    names: dict[str, str] = {}
    for signal, weight in zip(signals, weights, strict=True):
        for genre in cards.get(signal.movie_id, {}).get("genres", []):
            preference[genre["slug"]] += weight
            names[genre["slug"]] = genre["name"]
    liked = sorted((slug for slug in preference if preference[slug] > 0), key=lambda slug: (-preference[slug], slug))[
        :MAX_GENRES_COUNTED
    ]
    total = sum(preference[slug] for slug in liked)
    return {slug: preference[slug] / total for slug in liked}, names
