"""The admin's sidebar: what staff do, not which app a table is in. It has every page that the person may open."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse

# By group: the models' labels and their icons, in order.
GROUPS: dict[str, dict[str, str]] = {
    "Movies": {
        "movies.movie": "movie",
        "movies.genre": "category",
        "movies.person": "recent_actors",
        "movies.moviemerge": "merge",
        "movies.moviedeletion": "delete_sweep",
    },
    "Curation": {
        "recommendations.curationrule": "push_pin",
        "recommendations.curatedrow": "view_carousel",
        "recommendations.scenario": "dashboard_customize",
        "recommendations.experiment": "science",
    },
    "People": {
        "accounts.user": "person",
        "auth.group": "shield_person",
        "events.interaction": "bolt",
        "events.rating": "star",
        "events.tag": "sell",
        "events.servedrecommendation": "list_alt",
        "events.listimpression": "visibility",
    },
    "Models": {
        "recommendations.modelversion": "model_training",
        "recommendations.tuningrun": "tune",
        "recommendations.popularmovie": "trending_up",
        "recommendations.batchrecommendation": "lists",
        "events.recommendationstatistic": "monitoring",
    },
    "Operations": {
        "django_celery_beat.periodictask": "schedule",
        "django_celery_beat.crontabschedule": "calendar_clock",
        "django_celery_beat.intervalschedule": "timer",
        "accounts.client": "apps",
        "accounts.clientkey": "key",
        "admin.logentry": "history",
    },
}
OTHERS, OTHER_ICON = "More", "table"


def navigation(request: HttpRequest) -> list[dict[str, Any]]:
    """The groups of the sidebar, without pages that the person may not open."""
    pages = _pages(request)
    first = [{"title": "Dashboard", "icon": "dashboard", "link": reverse("admin:index")}]
    if request.user.has_perm("movies.view_movie"):
        first.append({"title": "Readiness", "icon": "fact_check", "link": reverse("admin:readiness")})
    groups: list[dict[str, Any]] = [{"title": "", "items": first}]
    for title, models in GROUPS.items():
        items = [{**pages.pop(label), "icon": icon} for label, icon in models.items() if label in pages]
        if title == "Curation" and request.user.has_perm("recommendations.preview_lists"):
            items.append({"title": "Previews", "icon": "preview", "link": reverse("admin:recommendations_preview")})
        groups.append({"title": title, "separator": True, "items": items})
    # Pages of models that nobody has put into a group.
    groups.append(
        {"title": OTHERS, "separator": True, "items": [{**page, "icon": OTHER_ICON} for page in pages.values()]}
    )
    return [group for group in groups if group["items"]]


def _pages(request: HttpRequest) -> dict[str, dict[str, Any]]:
    """Title and link of each list that the person may open, by the model's label."""

    def found() -> Iterator[tuple[str, dict[str, Any]]]:
        for app in admin.site.get_app_list(request):
            for model in app["models"]:
                if model.get("admin_url"):
                    yield model["model"]._meta.label_lower, {"title": model["name"], "link": model["admin_url"]}

    return dict(found())
