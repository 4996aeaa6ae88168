"""Example requests and responses of the taste imports; see recsys_project/examples.py."""

from typing import Any

Json = dict[str, Any]

_AT = "2026-03-14T20:15:00Z"
_CANDIDATE: Json = {
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
_TASTE_ID = "9d3f0c1e-6a55-4c0e-8a3b-3f5a9b0d2c44"
_TASTE: Json = {
    "id": _TASTE_ID,
    "source": "letterboxd",
    "state": "pending",
    "created_at": _AT,
    "expires_at": "2026-03-15T20:15:00Z",
    "summary": {
        "rows": 812,
        "matched": 640,
        "ambiguous": 1,
        "unmatched": 12,
        "merged_rows": 159,
        "replaced_ratings": 8,
        "left_out": {"listed": 120},
    },
    "result": None,
}
_TASTE_FILM: Json = {
    "position": 1,
    "title": "Heat",
    "year": 1995,
    "outcome": "matched",
    "reason": "title_year",
    "candidates": [_CANDIDATE],
    "rating": 4.5,
    "rated_at": "2024-06-01T00:00:00Z",
    "watched": True,
    "watched_at": "2024-06-01T00:00:00Z",
    "liked": False,
    "watchlisted": False,
    "rows": 2,
    "file": "diary.csv",
    "line": 2,
}
_TASTE_UNMATCHED: Any = (
    "file,line,title,year,imdb_id,tmdb_id,movielens_id,rating,outcome,reason\r\n"
    "diary.csv,17,Heat,1987,,,,4.0,ambiguous,several movies fit\r\n"
    "watched.csv,204,A Film of Friends,2019,,,,,unmatched,no movie of the catalogue fits\r\n"
)
_TASTE_RESULT: Json = {"recorded": {"rating": 601, "watch": 32}, "unchanged": {"rating": 7}, "unpublished": 0}
TASTE_EXAMPLES: dict[tuple[str, str], Json] = {
    ("post", "/api/taste-imports/"): {
        "request": {"Letterboxd's zip": {"file": "the bytes of letterboxd-ada-2026-03-14.zip"}},
        "201": {"Read and matched": _TASTE},
    },
    ("get", "/api/taste-imports/{import_id}/unmatched/"): {"200": {"Two films": _TASTE_UNMATCHED}},
    ("get", "/api/taste-imports/{import_id}/"): {
        "200": {"A preview": {**_TASTE, "items": [_TASTE_FILM], "next_cursor": "WyIyZjFjOWYwYSJd:1vXyZ0:k3r9"}}
    },
    ("post", "/api/taste-imports/{import_id}/confirm/"): {
        "request": {"With a choice": {"choices": [{"position": 17, "movie": 6}]}},
        "200": {"Recorded": _TASTE | {"state": "confirmed", "result": _TASTE_RESULT}},
    },
}
