"""How a list came about, as the API explains it: signals counted, batch, weights and shares of the sources."""

from dataclasses import asdict
from typing import Any

from recommendations.retrieval.config import serving_config
from recommendations.serving.exploration import places
from recommendations.serving.present import COLUMNS, PresentedList


def explanation_of(presented: PresentedList) -> dict[str, Any]:
    """The explanation as JSON holds it."""
    gathered, items = presented.gathered, presented.items
    request, pool = gathered.request, gathered.pool
    counted = []
    if pool.profile is not None:
        signals = [request.signals[place] for place in pool.profile.places.tolist()]
        counted = list(zip(signals, pool.profile.weights.tolist(), strict=True))
    shares = dict.fromkeys(COLUMNS, 0.0)
    for item in items:
        for name, share in zip(COLUMNS, item.shares, strict=False):
            shares[name] += share
    live = request.live
    return {
        "user_state": presented.user_state,
        "signals": {
            "read": len(request.signals),
            "counted": len(counted),
            "newer_than_batch": pool.profile.newer if pool.profile is not None else 0,
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
        "weights": {name: round(weight, 4) for name, weight in pool.weights.items()},
        "source_shares": {name: round(share / max(len(items), 1), 4) for name, share in shares.items()},
        "left_out": asdict(gathered.left_out),
        "exploration": {
            "places": len(places(serving_config().exploration_places)) if request.explore else 0,
            "new_movies": len(gathered.new_movies),
            "movies": presented.explored,
        },
    }
