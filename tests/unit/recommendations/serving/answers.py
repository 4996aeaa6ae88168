"""A person's lists as the tests of serving read them."""

import json

from events.list_invalidation import invalidate_user
from events.services import interaction_record
from recommendations.serving import services


def served(user, limit: int = 100) -> dict:
    return json.loads(services.recommendation_list(user=user, limit=limit))


def titles(answer: dict) -> list[str]:
    return [item["movie"]["title"] for item in answer["items"]]


def item(answer: dict, title: str) -> dict:
    return next(item for item in answer["items"] if item["movie"]["title"] == title)


def act(cast, user, title: str, kind: str, value: float | None = None) -> None:
    interaction_record(user=user, movie_id=cast[title].pk, kind=kind, value=value)
    invalidate_user(user.pk)
