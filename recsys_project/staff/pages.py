"""The dashboard, the page of the catalogue's readiness, and the buttons on them."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

import structlog
from celery import current_app
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.views.decorators.http import require_POST
from django_celery_beat.models import PeriodicTask
from kombu.exceptions import OperationalError
from kombu.utils.json import loads
from redis.exceptions import RedisError

from recommendations.training.readiness import COUNTED, ISSUES, catalogue_readiness
from recsys_project.staff.model_figures import model_figures
from recsys_project.staff.snapshot import Section, section, section_forget
from recsys_project.staff.traffic_figures import traffic_figures
from recsys_project.staff.work_figures import OWN_TASKS, work_figures
from recsys_project.staff_admin.log import rows_log

logger = structlog.get_logger(__name__)

MINUTE = 60
# The catalogue's sums read every movie.
CATALOGUE_SECONDS = 10 * MINUTE
READINESS_TASK = "workers.tasks.readiness.count"
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)")


def dashboard_context(request: HttpRequest) -> dict[str, Any]:
    """The sections that the person may see, and the data of their plots. A right to view a table opens its section."""
    may = request.user.has_perm
    sections: dict[str, Section] = {}
    if may("recommendations.view_modelversion"):
        sections["model"] = section("model", MINUTE, model_figures)
    if may("events.view_recommendationstatistic"):
        sections["traffic"] = section("traffic", MINUTE, traffic_figures)
    if may("movies.view_movie"):
        sections["catalogue"] = _catalogue()
    if may("django_celery_beat.view_periodictask"):
        sections["work"] = section("work", MINUTE, work_figures)
    return {
        "desk": {name: _shown(one) for name, one in sections.items()},
        "issues": _issues(sections["catalogue"]) if "catalogue" in sections else [],
        "plots": _plots(sections),
        "may_run": may("django_celery_beat.change_periodictask"),
        "may_retrain": may("recommendations.change_modelversion"),
    }


def readiness_page(request: HttpRequest, context: dict[str, Any]) -> TemplateResponse:
    """What movies lack, with links to those movies. Raises PermissionDenied."""
    if not request.user.has_perm("movies.view_movie"):
        raise PermissionDenied
    found = _catalogue()
    context |= {
        "title": "Readiness of the catalogue",
        "catalogue": _shown(found),
        "issues": _issues(found),
        "may_run": request.user.has_perm("django_celery_beat.change_periodictask"),
        "count_task": PeriodicTask.objects.filter(task=READINESS_TASK).values_list("pk", flat=True).first(),
    }
    return TemplateResponse(request, "admin/readiness.html", context)


@require_POST
def task_run(request: HttpRequest, entry_id: int) -> HttpResponse:
    """Sends a task of the schedule now, once, and goes back to the page. Raises PermissionDenied."""
    if not request.user.has_perm("django_celery_beat.change_periodictask"):
        raise PermissionDenied
    back = "admin:readiness" if request.POST.get("next") == "readiness" else "admin:index"
    entry = PeriodicTask.objects.filter(pk=entry_id, task__startswith=OWN_TASKS).first()
    if entry is None:
        messages.error(request, "The schedule has no such task any more. Nothing was started.")
        return HttpResponseRedirect(reverse(back))
    try:
        current_app.send_task(entry.task, loads(entry.args), loads(entry.kwargs), retry=False)
    except (OperationalError, RedisError, OSError, TypeError, ValueError) as error:
        logger.warning("task_not_sent", task=entry.task, reason=type(error).__name__)
        messages.error(request, f"{entry.name}: the queue did not take it. Nothing was started.")
    else:
        rows_log(request, [entry], "Started by hand.")
        messages.success(request, f"{entry.name}: sent to the workers.")
        section_forget("work")
    return HttpResponseRedirect(reverse(back))


def _catalogue() -> Section:
    def compute() -> dict[str, Any]:
        found = catalogue_readiness()
        return {"published": found.published, "lacking": found.lacking, "counted_at": found.counted_at}

    return section("catalogue", CATALOGUE_SECONDS, compute)


def _shown(found: Section) -> dict[str, Any]:
    """The section for a template."""
    return {"as_of": found.as_of, "problem": found.problem, **(_revived(found.values) or {})}


def _issues(found: Section) -> list[dict[str, Any]]:
    """Each issue with how many movies have it, their share, and the link to them."""
    if found.values is None:
        return []
    movies, published = reverse("admin:movies_movie_changelist"), found.values["published"]
    return [
        {
            "issue": issue,
            "number": (number := found.values["lacking"].get(issue.key, 0)),
            "percent": 100 * number / published if published else 0.0,
            "link": f"{movies}?lacking={issue.key}",
            # Before the first count every movie would seem to lack ratings and places.
            "counted": issue.key not in COUNTED or found.values["counted_at"] is not None,
        }
        for issue in ISSUES
    ]


def _plots(sections: dict[str, Section]) -> dict[str, Any]:
    """What plots.js draws, by the name of the plot."""
    plots: dict[str, Any] = {}
    model, traffic = (sections[name].values if name in sections else None for name in ("model", "traffic"))
    if model is not None:
        plots["quality"] = model["quality"]
        plots["nights"] = list(reversed(model["nights"]))
        plots["version_page"] = reverse("admin:recommendations_modelversion_change", args=["0"])
    if traffic is not None:
        plots |= {name: traffic[name] for name in ("days", "clicks", "fallback", "lists")}
        plots["events"] = traffic["events"]["kinds"]
    return plots


def _revived(values: Any) -> Any:
    """The values with their times as datetimes."""
    if isinstance(values, dict):
        return {name: _revived(value) for name, value in values.items()}
    if isinstance(values, list):
        return [_revived(value) for value in values]
    if isinstance(values, str) and _TIME.fullmatch(values):
        try:
            return datetime.fromisoformat(values)
        except ValueError:  # A reason that only looks like a time.
            return values
    return values
