"""Who may call what: one row for each route, and what each kind of caller gets there.

``test_access_matrix.py`` compares it with the URL configuration: a new route needs a row here. A right maps groups of
callers to the outcome of the methods that the route has; every other method is refused to all of them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from django.urls import URLPattern, URLResolver, get_resolver


class Outcome(Enum):
    ALLOWED = "allowed"  # Any answer of the view itself: a list, an empty one, or 400 for an empty body.
    UNAUTHENTICATED = "401"
    FORBIDDEN = "403"
    LOGIN = "302 to the admin's sign-in"
    NOT_FOUND = "404"


# The callers of the API.
GOOD_TOKENS = ("person", "other person", "staff token", "superuser token")
BAD_TOKENS = (
    "inactive",
    "deleted",
    "expired token",
    "forged token",
    "unsigned token",
    "refresh as access",
    "no token at all",
    "unverified",
)
SESSIONS = ("person session", "staff without permission", "superuser")
# Keys of client applications: with all scopes, with none of use, not valid, and of another client with all scopes.
KEYS = ("key", "key without scope", "wrong key", "key of another client")
CALLERS = ("nobody", *GOOD_TOKENS, *BAD_TOKENS, *SESSIONS, *KEYS)

Right = Mapping[str, Outcome]
# For everyone. A token that is refused elsewhere must not keep anybody out.
OPEN: Right = dict.fromkeys(CALLERS, Outcome.ALLOWED)
_BAD_KEYS: Right = {"key without scope": Outcome.FORBIDDEN, "wrong key": Outcome.UNAUTHENTICATED}
_NO_KEYS: Right = dict.fromkeys(KEYS, Outcome.FORBIDDEN) | {"wrong key": Outcome.UNAUTHENTICATED}
# For everyone, but a key that is sent must be good for it.
OPEN_TO_KEYS: Right = OPEN | _BAD_KEYS
# For whoever has an access token. A session of the admin is none.
PERSON: Right = dict.fromkeys(CALLERS, Outcome.UNAUTHENTICATED) | dict.fromkeys(GOOD_TOKENS, Outcome.ALLOWED) | _NO_KEYS
_KEYS: Right = dict.fromkeys(KEYS, Outcome.ALLOWED) | _BAD_KEYS
# And for client applications, which name a user of theirs.
PERSON_OR_KEY: Right = PERSON | _KEYS
# For client applications alone.
KEY: Right = PERSON_OR_KEY | dict.fromkeys(GOOD_TOKENS, Outcome.FORBIDDEN)
# For staff with the permissions of the model, by token.
STAFF_TOKEN: Right = PERSON | dict.fromkeys(("person", "other person", "staff token"), Outcome.FORBIDDEN)
# In the admin only sessions count.
STAFF: Right = dict.fromkeys(CALLERS, Outcome.LOGIN) | dict.fromkeys(
    ("staff without permission", "superuser"), Outcome.ALLOWED
)
PERMISSION: Right = STAFF | {"staff without permission": Outcome.FORBIDDEN}
# Nobody: what the site itself writes, and a page that needs a field to complete.
READ_ONLY: Right = STAFF | dict.fromkeys(("staff without permission", "superuser"), Outcome.FORBIDDEN)
# Pages that do not exist, also for those who may enter.
NO_PAGE: Right = STAFF | dict.fromkeys(("staff without permission", "superuser"), Outcome.NOT_FOUND)
HIDDEN: Right = STAFF | {"staff without permission": Outcome.NOT_FOUND}


@dataclass(frozen=True)
class Row:
    """The methods of a route (HEAD and OPTIONS follow from them) and who may use them."""

    methods: str
    right: Right


WRITTEN_BY_SITE = {
    "logentry",
    "interaction",
    "listimpression",
    "recommendationstatistic",
    "servedrecommendation",
    "modelversion",
    "popularmovie",
    "batchrecommendation",
    "tuningrun",
    "moviemerge",
    "moviedeletion",
}
ROWS: dict[str, Row] = {
    "": Row("GET POST PUT PATCH DELETE", OPEN),  # It only leads to the API's page.
    "health/live": Row("GET", OPEN),
    "health/ready": Row("GET", OPEN),
    "metrics": Row("GET", OPEN),  # From this machine; tests/unit/recsys_project/test_metrics.py has the others.
    "api/auth/register/": Row("POST", OPEN),
    "api/auth/token/": Row("POST", OPEN),
    "api/auth/refresh/": Row("POST", OPEN),
    "api/auth/register/confirm/": Row("POST", OPEN),
    "api/auth/logout/": Row("POST", PERSON),
    "api/auth/logout-everywhere/": Row("POST", PERSON),
    "api/auth/password/": Row("POST", PERSON),
    "api/auth/password/reset/": Row("POST", OPEN),
    "api/auth/password/reset/confirm/": Row("POST", OPEN),
    "api/auth/me/": Row("GET PATCH DELETE", PERSON),
    "api/auth/me/export/": Row("GET", PERSON),
    "api/auth/me/reset/": Row("POST", PERSON),
    "accounts/register/<str:token>/": Row("GET POST", OPEN),
    "accounts/reset/<str:token>/": Row("GET POST", OPEN),
    "api/groups/": Row("GET POST", PERSON),
    "api/groups/<uuid:group_id>/": Row("GET DELETE", PERSON),
    "api/groups/<uuid:group_id>/accept/": Row("POST", PERSON),
    "api/users/<path:external_id>/": Row("PUT DELETE", KEY),
    "api/users/<path:external_id>/export/": Row("GET", KEY),
    "api/home/": Row("GET", PERSON_OR_KEY),
    "api/rank/": Row("POST", PERSON_OR_KEY),
    "api/movies/search/": Row("GET", OPEN_TO_KEYS),
    "api/movies/": Row("GET", OPEN_TO_KEYS),
    "api/movies/<int:pk>/": Row("GET", OPEN_TO_KEYS),
    "api/movies/<int:movie_id>/similar/": Row("GET", OPEN_TO_KEYS),
    "api/genres/": Row("GET", OPEN_TO_KEYS),
    "api/events/": Row("GET POST", PERSON_OR_KEY),
    "api/taste-imports/": Row("POST", PERSON_OR_KEY),
    "api/taste-imports/<uuid:import_id>/": Row("GET DELETE", PERSON_OR_KEY),
    "api/taste-imports/<uuid:import_id>/confirm/": Row("POST", PERSON_OR_KEY),
    "api/taste-imports/<uuid:import_id>/unmatched/": Row("GET", PERSON_OR_KEY),
    "api/events/<uuid:event_id>/": Row("DELETE", PERSON_OR_KEY),
    "api/events/hidden/": Row("GET", PERSON_OR_KEY),
    "api/events/hidden/<int:movie_id>/": Row("DELETE", PERSON_OR_KEY),
    "api/events/watchlist/": Row("GET", PERSON_OR_KEY),
    "api/events/continue-watching/": Row("GET", PERSON_OR_KEY),
    "api/recommendations/": Row("GET", PERSON_OR_KEY),
    "api/recommendations/popular/": Row("GET", OPEN_TO_KEYS),
    "api/recommendations/session/": Row("POST", OPEN_TO_KEYS),
    "api/recommendations/group/": Row("POST", PERSON),
    "api/recommendations/trending/": Row("GET", OPEN_TO_KEYS),
    "api/recommendations/latest/": Row("GET", OPEN_TO_KEYS),
    "api/experiments/": Row("GET POST", STAFF_TOKEN),
    "api/experiments/<slug:name>/": Row("GET PATCH", STAFF_TOKEN),
    "api/experiments/<slug:name>/start/": Row("POST", STAFF_TOKEN),
    "api/experiments/<slug:name>/stop/": Row("POST", STAFF_TOKEN),
    "api/experiments/<slug:name>/results/": Row("GET", STAFF_TOKEN),
    "api/schema/": Row("GET", OPEN),
    "api/docs/": Row("GET", OPEN),
    "admin/": Row("GET POST", STAFF),
    "admin/login/": Row("GET POST", OPEN),
    "admin/logout/": Row("GET POST", OPEN),
    "admin/password_change/": Row("GET POST", STAFF),
    "admin/password_change/done/": Row("GET POST", STAFF),
    "admin/autocomplete/": Row("GET", READ_ONLY),
    "admin/jsi18n/": Row("GET POST", STAFF),
    "admin/r/<path:content_type_id>/<path:object_id>/": Row("GET POST", NO_PAGE),
    "admin/accounts/user/<id>/password/": Row("GET POST", PERMISSION),
    "admin/search/": Row("GET POST", STAFF),  # Finds only pages that the caller may open.
    "admin/readiness/": Row("GET POST", PERMISSION),
    "admin/tasks/<int:entry_id>/run/": Row("POST", PERMISSION),
    "admin/APP/": Row("GET POST", HIDDEN),
    "admin/(?P<url>.*)$": Row("GET POST", NO_PAGE),
    # These pages of each model.
    "admin/APP/MODEL/": Row("GET POST", PERMISSION),
    "admin/APP/MODEL/add/": Row("GET POST", PERMISSION),
    "admin/APP/MODEL/<path:object_id>/history/": Row("GET POST", PERMISSION),
    "admin/APP/MODEL/<path:object_id>/delete/": Row("GET POST", PERMISSION),
    "admin/APP/MODEL/<path:object_id>/change/": Row("GET POST", PERMISSION),
    "admin/APP/MODEL/<path:object_id>/": Row("GET POST", STAFF),  # Leads to the page above.
    "admin/APP/MODEL/<path:object_id>/results/": Row("GET POST", PERMISSION),  # Of experiments.
    "admin/APP/MODEL/<path:object_id>/versions/": Row("GET POST", PERMISSION),  # Of scenarios.
    "admin/APP/MODEL/<path:object_id>/rotate/": Row("GET POST", PERMISSION),  # Of clients' keys.
    "admin/APP/MODEL/<path:object_id>/support/": Row("GET POST", PERMISSION),  # Of people, as those that follow.
    "admin/APP/MODEL/<path:object_id>/sign-out/": Row("GET POST", PERMISSION),
    "admin/APP/MODEL/<path:object_id>/export/": Row("GET POST", PERMISSION),
    "admin/APP/MODEL/<path:object_id>/erase/": Row("GET POST", PERMISSION),
    "admin/APP/MODEL/<path:object_id>/undo/": Row("POST", PERMISSION),  # Of a movie's last change.
    "admin/APP/MODEL/import/": Row("GET POST", PERMISSION),
    "admin/APP/MODEL/process_import/": Row("POST", PERMISSION),
    "admin/APP/MODEL/export/": Row("GET POST", PERMISSION),
    "admin/APP/MODEL/merge/": Row("GET POST", PERMISSION),  # Of movies, as those that follow.
    "admin/APP/MODEL/duplicates/": Row("GET POST", PERMISSION),
    "admin/APP/MODEL/see-duplicates/": Row("GET POST", PERMISSION),
    "admin/APP/MODEL/<path:object_id>/merge-into/": Row("GET POST", PERMISSION),
    "admin/APP/MODEL/delete/": Row("GET POST", PERMISSION),
    # And of those models that nobody changes there.
    "admin/APP/WRITTEN_BY_SITE/": Row("GET POST", PERMISSION),
    "admin/APP/WRITTEN_BY_SITE/preview/": Row("GET POST", PERMISSION),  # Of people's lists, and of drafts.
    "admin/APP/WRITTEN_BY_SITE/preview/rule/": Row("GET POST", PERMISSION),
    "admin/APP/WRITTEN_BY_SITE/preview/scenario/": Row("GET POST", PERMISSION),
    "admin/APP/WRITTEN_BY_SITE/preview/audience/": Row("GET POST", PERMISSION),
    "admin/APP/WRITTEN_BY_SITE/preview/neighbours/": Row("GET POST", PERMISSION),
    "admin/APP/WRITTEN_BY_SITE/compare/": Row("GET POST", PERMISSION),  # Of model versions.
    "admin/APP/WRITTEN_BY_SITE/progress/": Row("GET POST", PERMISSION),
    "admin/APP/WRITTEN_BY_SITE/add/": Row("GET POST", READ_ONLY),
    "admin/APP/WRITTEN_BY_SITE/<path:object_id>/history/": Row("GET POST", PERMISSION),
    "admin/APP/WRITTEN_BY_SITE/<path:object_id>/delete/": Row("GET POST", READ_ONLY),
    "admin/APP/WRITTEN_BY_SITE/<path:object_id>/change/": Row("GET POST", READ_ONLY),
    "admin/APP/WRITTEN_BY_SITE/<path:object_id>/": Row("GET POST", STAFF),
    "admin/APP/WRITTEN_BY_SITE/<int:merge_id>/undo/": Row("GET POST", PERMISSION),  # Of merges.
    "admin/APP/WRITTEN_BY_SITE/<path:object_id>/undo-merge/": Row("GET POST", PERMISSION),
}


def routes() -> list[str]:
    """Every route of the site, as its URL pattern."""
    return list(_walk(get_resolver().url_patterns, ""))


def _walk(patterns: list, prefix: str) -> list[str]:
    found: list[str] = []
    for pattern in patterns:
        route = prefix + str(pattern.pattern)
        match pattern:
            case URLResolver():
                found += _walk(pattern.url_patterns, route)
            case URLPattern():
                found.append(route)
    return found


def row_key(route: str) -> str:
    """The key of the route in ROWS: the route, or its form for all models."""
    parts = route.split("/")
    if route in ROWS or parts[0] != "admin":
        return route
    if parts[1].startswith("^(?P<app_label>"):
        return "admin/APP/"
    model = "WRITTEN_BY_SITE" if len(parts) > 2 and parts[2] in WRITTEN_BY_SITE else "MODEL"
    return "/".join(["admin", "APP", model, *parts[3:]]) if len(parts) > 3 else route
