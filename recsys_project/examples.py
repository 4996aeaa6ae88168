"""Example requests and responses of each endpoint for the OpenAPI schema; a test validates them against it."""

from collections.abc import Mapping
from typing import Any

from recsys_project.client_examples import CLIENT_EXAMPLES
from recsys_project.experiment_examples import EXPERIMENT_EXAMPLES
from recsys_project.taste_examples import TASTE_EXAMPLES

Json = dict[str, Any]

_HEAT: Json = {
    "id": 6,
    "title": "Heat",
    "year": 1995,
    "runtime_minutes": 170,
    "language": "en",
    "imdb_id": "tt0113277",
    "tmdb_id": 949,
    "poster_url": "https://images.example.org/heat.jpg",
    "genres": [{"name": "Crime", "slug": "crime"}, {"name": "Thriller", "slug": "thriller"}],
}
_CASINO: Json = {
    "id": 16,
    "title": "Casino",
    "year": 1995,
    "runtime_minutes": 179,
    "language": "en",
    "imdb_id": "tt0112641",
    "tmdb_id": 524,
    "poster_url": "",
    "genres": [{"name": "Crime", "slug": "crime"}, {"name": "Drama", "slug": "drama"}],
}
_EXPANDED: Json = {
    "overview": "A thief plans one last robbery while a detective closes in on him.",
    "people": [
        {"id": 31, "name": "Michael Mann", "role": "director"},
        {"id": 58, "name": "Al Pacino", "role": "cast"},
        {"id": 59, "name": "Robert De Niro", "role": "cast"},
    ],
}
_LIST_ID = "2f1c9f0a-5f0e-4b0b-9d2e-3d1f0a6c7b11"
_EVENT_ID = "7c9e6679-7425-40de-944b-e07fc1f90ae7"
_REQUEST_ID = "0d6f1a52-6a2b-4f7e-8a44-5f1f2f0f6f3e"
_AT = "2026-03-14T20:15:00Z"
# Shortened: real tokens have about three hundred characters.
_ACCESS, _REFRESH = "eyJhbGciOiJIUzI1NiJ9.access", "eyJhbGciOiJIUzI1NiJ9.refresh"
_LINK = "WyJyZWdpc3RlciIsMV0:1vXyZ0:k3r9"
_REGISTERED: Json = {
    "id": 42,
    "email": "ada@example.org",
    "display_name": "Ada",
    "access": _ACCESS,
    "refresh": _REFRESH,
}
_TOKENS: Json = {
    "access_token": _ACCESS,
    "refresh_token": _REFRESH,
    "token_type": "Bearer",
    "expires_in": 300,
    "access": _ACCESS,
    "refresh": _REFRESH,
}
_CURSOR = "WyIyZjFjOWYwYSJd:1vXyZ0:k3r9"
_ME: Json = {
    "id": 42,
    "email": "ada@example.org",
    "display_name": "Ada",
    "group_invitations": True,
    "personalisation": True,
    "date_joined": "2026-01-02T08:00:00Z",
}
_EVENT_SENT: Json = {"movie": 6, "kind": "rating", "value": 4.5, "event_id": _EVENT_ID, "recommendation_id": _LIST_ID}
_EVENT: Json = {
    **_EVENT_SENT,
    "movie": _HEAT,
    "progress": None,
    "occurred_at": _AT,
    "source": "",
    "undo": False,
    "undone_at": None,
}
_EVENT_STORED: Json = {"status": 201, "event_id": _EVENT_ID, "error": None}
_EVENT_REFUSED: Json = {
    "status": 400,
    "event_id": None,
    "error": {
        "code": "validation_error",
        "message": "Not valid: movie.",
        "fields": {"movie": ["There is no published movie 16."]},
    },
}
_RECOMMENDED: Json = {
    "movie": _CASINO,
    "score": 0.93,
    "sources": {"batch": 0.61, "realtime": 0.39, "popular": 0.0},
    "reason": {"code": "because_liked", "text": "Because you liked Heat", "movie_id": 6},
    "predicted_rating": 4.3,
}
_GUEST: Json = {
    **_RECOMMENDED,
    "sources": {"batch": 0.0, "realtime": 0.9, "popular": 0.1},
    "predicted_rating": None,
}
_LIST: Json = {
    "recommendation_id": _LIST_ID,
    "generated_at": _AT,
    "model_version": 12,
    "user_state": "known",
    "notices": [],
    "experiment": None,
    "scenario": {"name": "home", "version": 3},
    "items": [{**_RECOMMENDED, "rule": {"id": 7, "kind": "pin"}}],
    "next_cursor": _CURSOR,
}
_GROUP_ID = "a3b1d5de-8b0f-4a53-9d7e-0d6f7c1e2b90"
_GROUP: Json = {
    "id": _GROUP_ID,
    "state": "pending",
    "created_at": _AT,
    "expires_at": "2026-03-28T20:15:00Z",
    "ended_at": None,
    "you": "accepted",
    "members": [
        {"email": "ada@example.org", "state": "accepted", "made_it": True},
        {"email": "bob@example.org", "state": "invited", "made_it": False},
    ],
}
_GROUP_ACTIVE: Json = {
    **_GROUP,
    "state": "active",
    "expires_at": None,
    "members": [{**member, "state": "accepted"} for member in _GROUP["members"]],
}


def _listed(*items: Json, next_cursor: str | None = None, **beside: Any) -> Json:
    return {**beside, "items": list(items), "next_cursor": next_cursor}


ERROR_EXAMPLE: Json = {
    "error": {
        "code": "validation_error",
        "message": "Not valid: expand.",
        "fields": {"expand": ['There is no "cast" to expand; did you mean "people"?']},
        "request_id": _REQUEST_ID,
    }
}
# By method and path, then "request" or the response's status (and a media type, if the examples are only for that one),
# then the name of the example.
EXAMPLES: dict[tuple[str, str], Mapping[str, Mapping[str, Json]]] = {
    ("post", "/api/auth/register/"): {
        "request": {"Register": {"email": "ada@example.org", "password": "a long passphrase", "display_name": "Ada"}},
        "201": {"Registered and signed in": _REGISTERED},
        "202": {"Whatever the address": {"detail": "A mail is on its way."}},
    },
    ("post", "/api/auth/register/confirm/"): {
        "request": {"By the link in the mail": {"token": _LINK, "password": "a long passphrase"}},
        "201": {"Registered and signed in": _REGISTERED},
    },
    ("post", "/api/auth/password/reset/"): {
        "request": {"Forgotten": {"email": "ada@example.org"}},
        "202": {"Whatever the address": {"detail": "If the address has an account, a mail is on its way."}},
    },
    ("post", "/api/auth/password/reset/confirm/"): {
        "request": {"By the link in the mail": {"token": _LINK, "password": "a longer passphrase"}},
    },
    ("post", "/api/auth/token/"): {
        "request application/x-www-form-urlencoded": {
            "Sign in": {
                "grant_type": "password",
                "username": "ada@example.org",
                "password": "a long passphrase",
            },
            "Refresh": {"grant_type": "refresh_token", "refresh_token": _REFRESH},
        },
        "request application/json": {
            "By e-mail address": {"email": "ada@example.org", "password": "a long passphrase"},
        },
        "200": {"Signed in": _TOKENS},
        "400": {
            "Wrong password, in the form": {
                "error": "invalid_grant",
                "error_description": "Wrong e-mail address or password.",
            },
            "In JSON": ERROR_EXAMPLE,
        },
    },
    ("post", "/api/auth/refresh/"): {
        "request": {"Refresh": {"refresh": _REFRESH}},
        "200": {"Refreshed": {"access": _ACCESS, "refresh": _REFRESH}},
    },
    ("post", "/api/auth/password/"): {
        "request": {"New password": {"old_password": "a long passphrase", "new_password": "a longer passphrase"}},
        "200": {"Signed in again": _TOKENS},
    },
    ("get", "/api/auth/me/"): {"200": {"The signed-in user": _ME}},
    ("patch", "/api/auth/me/"): {
        "request": {
            "Refuse invitations to groups": {"group_invitations": False},
            "Pause personalisation": {"personalisation": False},
        },
        "200": {"Changed": {**_ME, "group_invitations": False}},
    },
    ("get", "/api/movies/"): {
        "200": {
            "A page": _listed(_CASINO, _HEAT, next_cursor=_CURSOR),
            "With expand=overview,people": _listed({**_HEAT, **_EXPANDED}),
        }
    },
    ("get", "/api/movies/{id}/"): {
        "200": {
            "A movie": {
                **_HEAT,
                **_EXPANDED,
                "keywords": ["heist", "detective"],
                "certificates": [{"country": "DE", "certificate": "16"}, {"country": "US", "certificate": "R"}],
                "movielens_id": 6,
                "predicted_rating": 4.3,
                "availability": [{"region": "SE", "available_from": "2026-03-01", "available_to": None}],
            }
        }
    },
    ("get", "/api/movies/{movie_id}/similar/"): {
        "200": {"Movies like Heat": _listed({"movie": _CASINO, "score": 0.87})}
    },
    ("get", "/api/movies/search/"): {
        "200": {
            "Searching for pacino": _listed({"movie": _HEAT, "score": 1.09, "matched": ["people"]}, notices=[]),
            "With expand=overview,people": _listed(
                {"movie": {**_HEAT, **_EXPANDED}, "score": 1.09, "matched": ["people"]}, notices=[]
            ),
        }
    },
    ("get", "/api/genres/"): {
        "200": {
            "Genres": _listed(
                {"slug": "crime", "name": "Crime", "movie_count": 1199},
                {"slug": "film-noir", "name": "Film-Noir", "movie_count": 87},
            )
        }
    },
    ("get", "/api/events/"): {"200": {"The user's history": _listed(_EVENT, next_cursor=_CURSOR)}},
    ("get", "/api/events/hidden/"): {"200": {"Hidden": _listed({**_EVENT, "kind": "hide", "value": None})}},
    ("get", "/api/events/watchlist/"): {"200": {"To watch": _listed({**_EVENT, "kind": "watchlist", "value": None})}},
    ("get", "/api/events/continue-watching/"): {
        "200": {"Begun": _listed({**_EVENT, "kind": "watch", "value": None, "progress": 0.4})}
    },
    ("post", "/api/events/"): {
        "request": {
            "A rating": _EVENT_SENT,
            "A movie was opened": {"movie": 6, "kind": "view"},
            "Half of it was watched": {"movie": 6, "kind": "watch", "progress": 0.5},
            "No longer on the watchlist": {"movie": 6, "kind": "watchlist", "undo": True},
            "A batch": {"events": [{"movie": 6, "kind": "click", "source": "batch"}, {"movie": 16, "kind": "like"}]},
            "A batch of a client": {"events": [{"movie": 6, "kind": "like", "user": "customer-17"}]},
        },
        "200": {"Already stored": _EVENT},
        "201": {
            "Stored": _EVENT,
            "A batch": {"results": [_EVENT_STORED], "stored": 1, "repeated": 0, "refused": 0},
        },
        "207": {
            "A mixed batch": {"results": [_EVENT_STORED, _EVENT_REFUSED], "stored": 1, "repeated": 0, "refused": 1}
        },
    },
    ("get", "/api/recommendations/"): {
        "200": {
            "A list": _LIST,
            "With expand=overview,people": {
                **_LIST,
                "items": [{**_RECOMMENDED, "movie": {**_HEAT, **_EXPANDED}}],
                "next_cursor": None,
            },
        }
    },
    ("get", "/api/home/"): {
        "200": {
            "Two rows": {
                "generated_at": _AT,
                "model_version": 12,
                "user_state": "known",
                "experiment": None,
                "scenario": {"name": "home", "version": 3},
                "rows": [
                    {
                        "name": "for_you",
                        "kind": "for_you",
                        "title": "For you",
                        "recommendation_id": _LIST_ID,
                        "items": [{"movie": _HEAT, "reason": _RECOMMENDED["reason"]}],
                    },
                    {
                        "name": "curated:classics",
                        "kind": "curated",
                        "title": "Classics",
                        "recommendation_id": "01a21b0c-4fc5-7ac4-a34d-74285fc5f529",
                        "items": [
                            {
                                "movie": _CASINO,
                                "reason": {"code": "curated", "text": "Picked by our editors"},
                                "rule": {"id": 7, "kind": "row"},
                            }
                        ],
                    },
                ],
            }
        }
    },
    ("get", "/api/recommendations/popular/"): {
        "200": {"Popular now": _listed({"movie": _HEAT, "score": 311.5, "rank": 1})}
    },
    ("get", "/api/recommendations/trending/"): {
        "200": {
            "Trending": _listed(
                {
                    "movie": _HEAT,
                    "score": 5.2,
                    "rank": 1,
                    "reason": {"code": "trending", "text": "Liked by more people than usual"},
                },
                {
                    "movie": _CASINO,
                    "score": None,
                    "rank": 2,
                    "reason": {"code": "popular", "text": "Popular right now"},
                },
                basis="now",
                until=_AT,
            )
        }
    },
    ("get", "/api/recommendations/latest/"): {"200": {"Newest movies": _listed({"movie": _CASINO, "added_at": _AT})}},
    ("post", "/api/recommendations/session/"): {
        "request": {
            "Movies a guest likes": {"movie_ids": [6, 50], "limit": 10, "genre": "crime", "expand": "overview"},
            "What a guest did": {"events": [{"movie": 6, "kind": "rating", "value": 5}, {"movie": 50, "kind": "view"}]},
        },
        "200": {
            "A guest's list": _listed(
                _GUEST, recommendation_id=_LIST_ID, model_version=12, user_state="new", notices=[]
            )
        },
    },
    ("post", "/api/recommendations/group/"): {
        "request": {"For a group": {"group": _GROUP_ID, "strategy": "least_misery", "limit": 10}},
        "200": {
            "A group's list": _listed(
                {"movie": _HEAT, "reason": {"code": "suits_all", "text": "Suits all of you"}},
                recommendation_id=_LIST_ID,
                generated_at=_AT,
                model_version=12,
                strategy="least_misery",
                group=_GROUP_ID,
                members=["ada@example.org", "bob@example.org"],
            )
        },
    },
    ("delete", "/api/auth/me/"): {"request": {"Delete the account": {"password": "a long passphrase"}}},
    ("get", "/api/groups/"): {"200": {"Groups and invitations": _listed(_GROUP)}},
    ("post", "/api/groups/"): {
        "request": {"Invite": {"members": ["bob@example.org"]}},
        "201": {"Invited": _GROUP},
    },
    ("get", "/api/groups/{group_id}/"): {"200": {"One group": _GROUP}},
    ("post", "/api/groups/{group_id}/accept/"): {"200": {"Accepted": _GROUP_ACTIVE}},
}
EXAMPLES |= CLIENT_EXAMPLES | EXPERIMENT_EXAMPLES | TASTE_EXAMPLES
