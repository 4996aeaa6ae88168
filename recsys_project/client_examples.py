"""Example requests and responses of what client applications alone ask; see recsys_project/examples.py."""

from collections.abc import Mapping
from typing import Any

Json = dict[str, Any]

_LIST_ID = "2f1c9f0a-5f0e-4b0b-9d2e-3d1f0a6c7b11"
_EVENT_ID = "7c9e6679-7425-40de-944b-e07fc1f90ae7"
_AT = "2026-03-14T20:15:00Z"
_NAMED: Json = {"user": "customer-17", "display_name": "Ada", "date_joined": _AT}
CLIENT_EXAMPLES: dict[tuple[str, str], Mapping[str, Mapping[str, Json]]] = {
    ("put", "/api/users/{external_id}/"): {
        "request": {"With a name": {"display_name": "Ada"}},
        "200": {"There already": _NAMED},
        "201": {"Created": _NAMED},
    },
    ("get", "/api/users/{external_id}/export/"): {
        "200": {
            "An export": {
                "user": {"external_id": "customer-17", "display_name": "Ada", "is_active": True, "date_joined": _AT},
                "interactions": [{"id": 901, "event_id": _EVENT_ID, "movie_id": 6, "kind": "like", "occurred_at": _AT}],
                "ratings": [],
                "tags": [],
                "served_recommendations": [],
                "list_impressions": [],
            }
        }
    },
    ("post", "/api/rank/"): {
        "request": {
            "Three movies": {"movie_ids": [6, 16, 999999]},
            "For a client's user": {"movie_ids": [6, 16, 999999], "user": "customer-17"},
        },
        "200": {
            "Best first": {
                "recommendation_id": _LIST_ID,
                "generated_at": _AT,
                "model_version": 12,
                "unknown": [999999],
                "unavailable": [],
                "items": [
                    {"movie_id": 16, "score": 0.93, "predicted_rating": 4.3},
                    {"movie_id": 6, "score": 0.4, "predicted_rating": None},
                ],
                "next_cursor": None,
            }
        },
    },
}
