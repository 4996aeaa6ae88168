"""A list as the API shows it: each item as JSON once, when the list is computed."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import orjson
from django.utils import timezone

from recommendations.retrieval.notices import of_mood
from recommendations.serving.explanation import explanation_of
from recommendations.serving.present import COLUMNS, PresentedList, RankedItem


@dataclass(frozen=True, slots=True)
class RenderedList:
    """A list as it is sent. head: a JSON object without its closing brace; explanation: a JSON object; items: JSON
    objects, one for each of ``movie_ids``."""

    recommendation_id: UUID
    movie_ids: tuple[int, ...]
    head: bytes
    explanation: bytes
    items: tuple[bytes, ...]


def render(presented: PresentedList) -> RenderedList:
    """The list under a new recommendation id."""
    recommendation_id = uuid4()
    head = {
        "recommendation_id": str(recommendation_id),
        "generated_at": timezone.now().isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        **list_fields(presented),
    }
    return RenderedList(
        recommendation_id,
        tuple(item.movie_id for item in presented.items),
        # Without its closing brace, so that the items can follow.
        orjson.dumps(head)[:-1],
        orjson.dumps(explanation_of(presented)),
        tuple(orjson.dumps(item) for item in item_fields(presented)),
    )


def list_fields(presented: PresentedList) -> dict[str, Any]:
    """What the API says of the list as a whole, with or without an id."""
    return {
        "model_version": presented.version_id,
        "user_state": presented.user_state,
        "notices": of_mood(presented.gathered.mood),
    }


def item_fields(presented: PresentedList) -> list[dict[str, Any]]:
    """The items as the API shows them. They share cards and reasons: never change one."""
    cards = presented.gathered.movies.cards
    return [_item_fields(item, cards[item.movie_id]) for item in presented.items]


def _item_fields(item: RankedItem, card: dict[str, Any]) -> dict[str, Any]:
    shown = {
        "movie": card,
        "score": item.score,
        "sources": dict(zip(COLUMNS, item.shares, strict=False)),
        "reason": item.reason,
        "predicted_rating": item.predicted_rating,
    }
    return shown | {"explored": True} if item.explored else shown
