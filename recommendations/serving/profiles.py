"""The profile of a person's signals under the live version."""

from collections.abc import Sequence

import numpy as np

from events.selectors import Signal
from recommendations.algorithms.listing.query_mixture import mix_queries, pad_profile
from recommendations.algorithms.listing.session_query import (
    FEW_SHOT_DIMENSIONS,
    RealtimeConfig,
    UserProfile,
    build_user_profile,
)
from recommendations.models import ITEM_DIMENSIONS
from recommendations.retrieval.candidates import LiveModel
from recommendations.retrieval.event_weights import event_weights, signal_ages
from recommendations.retrieval.movie_features import MovieFeatureCache

# The number of signals that are read; a version may use fewer. They are read before the version is known.
SIGNALS_READ = RealtimeConfig().signals


def user_profile(features: MovieFeatureCache, live: LiveModel, signals: Sequence[Signal]) -> UserProfile | None:
    """The profile of the signals under the live version, over joined factors; None without usable signals.

    Its query mixes the few-shot with the next-item model.
    """
    if live.version_id is None or not signals:
        return None
    published = features.serving(live.version_id)
    signals = signals[: published.parameters.realtime.signals]
    vectors, movie_ids = features.vectors(live.version_id), [signal.movie_id for signal in signals]
    usable, query_factors = vectors.query_factors(movie_ids)
    _, item_factors, _ = vectors.item_and_rating_factors(movie_ids)
    profile = build_user_profile(
        [signal.kind for signal in signals],
        [signal.value for signal in signals],
        query_factors[:, :FEW_SHOT_DIMENSIONS],
        item_factors,
        usable=usable,
        newer=live.newer_than_training(signals),
        config=published.parameters.realtime,
        weights=event_weights(),
        ages=signal_ages(signals),
    )
    if profile is None:
        return None
    if published.space is None:
        return pad_profile(profile, ITEM_DIMENSIONS)
    own = profile.signal_positions
    times = np.array([signals[position].occurred_at.timestamp() for position in own.tolist()]).astype(np.int64)
    following = query_factors[own, FEW_SHOT_DIMENSIONS:]
    return mix_queries(profile, following, times, published.space, published.parameters.mixture)
