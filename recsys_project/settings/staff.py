"""The admin's look and navigation."""

from typing import Any

from django.http import HttpRequest
from django.templatetags.static import static


def _style(_request: HttpRequest) -> str:
    return static("recsys_project/staff.css")


def _script(_request: HttpRequest) -> str:
    return static("recsys_project/staff.js")


UNFOLD: dict[str, Any] = {
    "SITE_TITLE": "Movie recommender",
    "SITE_HEADER": "Movie recommender",
    "SITE_SYMBOL": "movie",
    "SHOW_VIEW_ON_SITE": False,
    "STYLES": [_style],
    "SCRIPTS": [_script],
}
