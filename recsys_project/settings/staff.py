"""The admin's look and navigation."""

from typing import Any

from django.http import HttpRequest
from django.templatetags.static import static

from recsys_project.settings.environment import env


def _style(_request: HttpRequest) -> str:
    return static("recsys_project/staff.css")


def _script(_request: HttpRequest) -> str:
    return static("recsys_project/staff.js")


def _environment(_request: HttpRequest) -> list[str] | None:
    return [STAFF_ENVIRONMENT, "danger" if STAFF_ENVIRONMENT.lower() == "production" else "info"]


# What the admin's header calls this installation, so that nobody mistakes one for another; production is red.
STAFF_ENVIRONMENT: str = env.str("STAFF_ENVIRONMENT", default="")

UNFOLD: dict[str, Any] = {
    "SITE_TITLE": "Movie recommender",
    "SITE_HEADER": "Movie recommender",
    "SITE_SYMBOL": "movie",
    "SHOW_VIEW_ON_SITE": False,
    "STYLES": [_style],
    "SCRIPTS": [_script],
    "ENVIRONMENT": _environment if STAFF_ENVIRONMENT else None,
    "SIDEBAR": {
        "show_search": True,
        "command_search": True,
        "navigation": "recsys_project.staff.navigation.navigation",
    },
}
