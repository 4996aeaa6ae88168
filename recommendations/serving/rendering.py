"""Renders a list and its explanation as JSON, once, when the list is computed."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson
from django.utils import timezone

from events.served.list_ids import list_id_new
from recommendations.retrieval.notices import mood_notices, rest_notices
from recommendations.serving.exploration import new_movie_positions
from recommendations.serving.present import COLUMNS, PresentedList, RankedItem


@dataclass(frozen=True, slots=True)
class RenderedList:
    """A list as JSON.

    head: an object without its closing brace; explanation: an object; items: one object for each of ``movie_ids``.
    """

    recommendation_id: UUID
    movie_ids: tuple[int, ...]
    head: bytes
    explanation: bytes
    items: tuple[bytes, ...]

    @property
    def experiment(self) -> dict[str, str] | None:
        """The experiment and arm that the list was computed in, from its head."""
        found: dict[str, str] | None = orjson.loads(self.head + b"}").get("experiment")
        return found


def render(presented: PresentedList) -> RenderedList:
    """Render the list under a new recommendation id."""
    recommendation_id = list_id_new()
    head = {
        "recommendation_id": str(recommendation_id),
        "generated_at": timezone.now().isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        **list_fields(presented),
        "experiment": presented.gathered.request.assignment.as_json(),
        "scenario": presented.gathered.request.scenario.as_json(),
    }
    return RenderedList(
        recommendation_id,
        tuple(item.movie_id for item in presented.items),
        # Without its closing brace, so that the items can be appended.
        orjson.dumps(head)[:-1],
        orjson.dumps(explanation(presented)),
        _items(presented),
    )


def list_fields(presented: PresentedList) -> dict[str, Any]:
    """The API's fields of the list as a whole."""
    return {
        "model_version": presented.version_id,
        "user_state": presented.user_state,
        "notices": [
            *(mood_notices(mood) if (mood := presented.gathered.mood) is not None else []),
            *rest_notices(presented.gathered.left_out.returned),
        ],
    }


def _items(presented: PresentedList) -> tuple[bytes, ...]:
    """Each item as JSON, with its card as the cache of features has rendered it."""
    features, cards = presented.gathered.request.features, presented.gathered.movies.cards
    dumps, card_json = orjson.dumps, features.card_json
    return tuple(dumps(_item_fields(item, card_json(cards[item.movie_id]))) for item in presented.items)


def item_fields(presented: PresentedList) -> list[dict[str, Any]]:
    """The items with the API's fields. They share cards and reasons: do not change them in place."""
    cards = presented.gathered.movies.cards
    return [_item_fields(item, cards[item.movie_id]) for item in presented.items]


def _item_fields(item: RankedItem, card: dict[str, Any] | orjson.Fragment) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "movie": card,
        "score": item.score,
        "sources": dict(zip(COLUMNS, item.shares, strict=False)),
        "reason": item.reason,
        "predicted_rating": item.predicted_rating,
    }
    if item.explored:
        fields["explored"] = True
    if item.rule is not None:
        fields["rule"] = item.rule_mark
    return fields


def explanation(presented: PresentedList) -> dict[str, Any]:
    """The explanation of the list: signals, batch, weights and shares of the sources, movies left out, exploration."""
    gathered, items = presented.gathered, presented.items
    request, pool = gathered.request, gathered.pool
    counted = []
    if pool.profile is not None:
        signals = [request.signals[position] for position in pool.profile.signal_positions.tolist()]
        terms = (pool.profile.weights, pool.profile.kind_weights, pool.profile.age_factors)
        counted = list(zip(signals, *(term.tolist() for term in terms), strict=True))
    sums = map(sum, zip(*(item.shares for item in items), strict=True))
    shares = dict.fromkeys(COLUMNS, 0.0) | dict(zip(COLUMNS, sums, strict=False))
    live = request.live
    return {
        "user_state": presented.user_state,
        "experiment": request.assignment.as_json(),
        "scenario": request.scenario.as_json(),
        "rules": _rules(presented),
        "signals": {
            "read": len(request.signals),
            "counted": len(counted),
            "newer_than_batch": pool.profile.newer if pool.profile is not None else 0,
            "newest": [
                {
                    "movie_id": signal.movie_id,
                    "kind": str(signal.kind),
                    "value": signal.value,
                    "weight": round(weight, 4),
                    "kind_weight": round(kind_weight, 4),
                    "age_factor": round(age_factor, 4),
                }
                for signal, weight, kind_weight, age_factor in counted
            ],
        },
        "batch": {
            "model_version": live.version_id,
            "trained_at": None if live.trained_at is None else live.trained_at.isoformat(),
            "movies": len(live.movie_ids),
        },
        "weights": {name: round(weight, 4) for name, weight in pool.weights.items()},
        "source_shares": {name: round(share / max(len(items), 1), 4) for name, share in shares.items()},
        "left_out": gathered.left_out._asdict(),
        "exploration": {
            "places": len(new_movie_positions(request.exploration_places)),
            "new_movies": len(gathered.new_movies),
            "movies": presented.explored,
        },
    }


def _rules(presented: PresentedList) -> list[dict[str, Any]]:
    """The rules in force for the list, and the movies of it that each put or moved."""
    by_rule: dict[int, list[int]] = {}
    for item in presented.items:
        if item.rule is not None:
            by_rule.setdefault(item.rule.id, []).append(item.movie_id)
    return [{**rule.mark(), "movies": by_rule.get(rule.id, [])} for rule in presented.gathered.request.rules.rules]
