"""Previews for staff: a list as a person sees it, before and after a draft; who would like a movie; its neighbours.

Nothing is logged as served, and nothing is cached. Drafts are posted unsaved from the form of a rule or a scenario, and
stay in hidden fields of the page, so that other people's lists can be tried.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import structlog
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse

from accounts.models import User
from accounts.staff.support import masked
from recommendations.admin.preview_forms import ListForm, MovieForm, PersonListForm
from recommendations.curation.active import Curation, curation_now
from recommendations.curation.config import HOME, ConfigError, scenario_config_read
from recommendations.curation.drafts import RuleDraft
from recommendations.discovery.audience import audience_of
from recommendations.discovery.connections import neighbours_of
from recommendations.models import CurationRule, Scenario
from recommendations.retrieval.filters import ListFilters
from recommendations.serving.present import PresentedList
from recommendations.serving.preview import PreviewRow, curation_with, preview_diff, preview_list
from recommendations.serving.preview_items import preview_items
from recommendations.serving.rendering import explanation
from recsys_project.staff_admin import ReadOnlyAdmin
from recsys_project.staff_admin.numbers import id_typed

logger = structlog.get_logger(__name__)

PLACES = 20
PREFIX = "preview"
# Names of the form that are no part of a draft.
_NOT_OF_DRAFT = ("csrfmiddlewaretoken", "_save", "_continue", "_addanother")


@dataclass(frozen=True, slots=True)
class Trial:
    """What a preview compares with what is served. name: a heading; notes: what the page says of it.

    curation: what would be in force, None where it is what is; version: of the model; scenario: where the list is shown
    with it; filters: of both lists.
    """

    name: str
    curation: Curation | None = None
    version: int | None = None
    scenario: str = HOME
    filters: ListFilters | None = None
    notes: tuple[str, ...] = ()


class PreviewAdmin(ReadOnlyAdmin):
    """The pages of previews, for whoever may preview people's lists."""

    list_before_template = "admin/preview_links.html"

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        pages = (
            ("preview/", self.list_view, "recommendations_preview"),
            ("preview/rule/", self.rule_view, "recommendations_preview_rule"),
            ("preview/scenario/", self.scenario_view, "recommendations_preview_scenario"),
            ("preview/audience/", self.audience_view, "recommendations_preview_audience"),
            ("preview/neighbours/", self.neighbours_view, "recommendations_preview_neighbours"),
        )
        return [*(path(route, wrap(view), name=name) for route, view, name in pages), *super().get_urls()]

    def list_view(self, request: HttpRequest) -> HttpResponse:
        """A person's list; side by side with that of another model version, or of a version of the scenario."""
        self._check(request)
        form = PersonListForm(request, request.GET or None, initial={"user": request.session.get(PREFIX)})
        trial = None
        if form.is_valid():
            scenario, model = form.cleaned_data["scenario"], form.cleaned_data["model"]
            trial = _trial_of_version(scenario, request.GET.get("scenario_version", ""))
            if model is not None:
                trial = Trial(f"Version {model}", version=model, scenario=scenario)
        return self._list_page(request, form, trial, title="As a person sees it")

    def rule_view(self, request: HttpRequest) -> HttpResponse:
        """The same with the draft of a rule, posted from its form."""
        self._check(request)
        if request.method != "POST":
            return HttpResponseRedirect(reverse("admin:recommendations_preview"))
        pages = self.admin_site._registry[CurationRule]
        rule = _object(CurationRule, request.GET.get("rule", ""))
        if not (pages.has_change_permission(request, rule) if rule else pages.has_add_permission(request)):
            raise PermissionDenied
        made: Any = pages.get_form(request, rule, change=rule is not None)
        draft_form = made(request.POST, instance=rule)
        draft_form.previewing = True
        context = {"draft_form": draft_form, "save_url": _edit_url("curationrule", rule)}
        if not draft_form.is_valid():
            return self._list_page(request, None, None, title="Preview of a rule", **context)
        draft: RuleDraft = draft_form.draft()
        trial = _trial_of_rule(draft, rule)
        form = self._draft_form(request, trial)
        return self._list_page(request, form, trial, title="Preview of a rule", **context)

    def scenario_view(self, request: HttpRequest) -> HttpResponse:
        """The same with the draft of a scenario's configuration, posted from its form."""
        self._check(request)
        if request.method != "POST":
            return HttpResponseRedirect(reverse("admin:recommendations_preview"))
        pages = self.admin_site._registry[Scenario]
        scenario = _object(Scenario, request.GET.get("scenario", ""))
        if not (pages.has_change_permission(request, scenario) if scenario else pages.has_add_permission(request)):
            raise PermissionDenied
        draft_form = pages.get_form(request, scenario, change=scenario is not None)(request.POST, instance=scenario)
        context = {"draft_form": draft_form, "save_url": _edit_url("scenario", scenario)}
        if not draft_form.is_valid():
            return self._list_page(request, None, None, title="Preview of a scenario", **context)
        name = scenario.name if scenario else draft_form.cleaned_data["name"]
        trial = _trial_of_config(name, draft_form.cleaned_data["config"], "With the draft")
        form = self._draft_form(request, trial, with_scenario=False)
        return self._list_page(request, form, trial, title="Preview of a scenario", **context)

    def audience_view(self, request: HttpRequest) -> HttpResponse:
        """Who would like a movie."""
        return self._movie_page(request, "Who would like this movie", "admin/preview_audience.html", "people")

    def neighbours_view(self, request: HttpRequest) -> HttpResponse:
        """The neighbours of a movie, with what connects them."""
        return self._movie_page(request, "Neighbours of a movie", "admin/preview_neighbours.html", "neighbours")

    def _check(self, request: HttpRequest) -> None:
        if not request.user.has_perm("recommendations.preview_lists"):
            raise PermissionDenied

    def _context(self, request: HttpRequest, title: str) -> dict[str, Any]:
        may_view = request.user.has_perm("accounts.view_user")
        return {**self.admin_site.each_context(request), "title": title, "opts": self.opts, "may_view_people": may_view}

    def _movie_page(self, request: HttpRequest, title: str, template: str, name: str) -> HttpResponse:
        self._check(request)
        form = MovieForm(request.GET or None)
        context = {**self._context(request, title), "form": form}
        if form.is_valid():
            movie = form.cleaned_data["movie"]
            if name == "people":
                fans = audience_of(movie=movie, limit=50)
                found = None if fans is None else [(fan, masked(fan.email) if fan.email else "") for fan in fans]
                context |= {"movie": movie, name: found}
                logger.info("audience_previewed", movie=movie.pk, staff=request.user.pk)
            else:
                context |= {"movie": movie, name: neighbours_of(movie=movie, limit=30)}
        return TemplateResponse(request, template, context)

    def _draft_form(self, request: HttpRequest, trial: Trial, *, with_scenario: bool = True) -> ListForm:
        chosen: Any = request.POST if f"{PREFIX}-user" in request.POST else None
        initial = {"user": request.session.get(PREFIX), "scenario": trial.scenario}
        if chosen is None and initial["user"]:
            chosen = {f"{PREFIX}-{name}": value for name, value in initial.items()}
        form = ListForm(request, chosen, prefix=PREFIX, initial=initial)
        if not with_scenario:
            del form.fields["scenario"]
        return form

    def _list_page(
        self, request: HttpRequest, form: ListForm | None, trial: Trial | None, *, title: str, **more: Any
    ) -> HttpResponse:
        hidden = [
            (name, value)
            for name, values in request.POST.lists()
            if name not in _NOT_OF_DRAFT and not name.startswith(f"{PREFIX}-")
            for value in values
        ]
        context = {**self._context(request, title), "form": form, "hidden": hidden, "trial": trial, **more}
        if form is not None and form.is_bound and form.is_valid():
            user = form.cleaned_data["user"]
            request.session[PREFIX] = user.pk
            scenario = form.cleaned_data.get("scenario") or (trial.scenario if trial else HOME)
            try:
                context |= _lists(user, scenario, trial)
            except ValidationError as error:
                form.add_error(None, error.messages)
            logger.info("list_previewed", user=user.pk, staff=request.user.pk)
        return TemplateResponse(request, "admin/preview_list.html", context)


def _lists(user: User, scenario: str, trial: Trial | None) -> dict[str, Any]:
    """The columns of the page: one list, or two side by side with marks of what differs. Raises ValidationError."""
    filters = trial.filters if trial else None
    # A scenario that is not live yet is compared with the home list.
    served = scenario if curation_now().scenario(scenario) is not None else HOME
    before = preview_list(user, scenario=served, filters=filters)
    if trial is None:
        return {"person": user, "columns": [_column("As it is", before)]}
    after = preview_list(user, trial.curation, trial.version, scenario=scenario, filters=filters)
    rows = preview_diff(before, after, PLACES)
    left = {row.movie["id"]: row for row in rows if row.before is not None}
    moved = {row.movie["id"]: row for row in rows if row.after is not None}
    columns = [
        _column("As it is", before, {movie: _left_mark(row) for movie, row in left.items()}),
        _column(trial.name, after, {movie: _right_mark(row) for movie, row in moved.items()}),
    ]
    return {"person": user, "columns": columns, "changed": any(row.change != "same" for row in rows)}


class Mark(NamedTuple):
    """What differs of a place. kind: "gone", "new", "up" or "down"."""

    kind: str
    text: str


def _left_mark(row: PreviewRow) -> Mark | None:
    """Of a movie of the first list: only whether it leaves the places that are shown."""
    if row.after is not None and row.after <= PLACES:
        return None
    return Mark("gone", "gone" if row.after is None else f"moves down to {row.after}")


def _right_mark(row: PreviewRow) -> Mark | None:
    if row.change == "same":
        return None
    return Mark(row.change, "new" if row.before is None else f"{row.change} from {row.before}")


def _column(name: str, presented: PresentedList, marks: Mapping[int, Mark | None] | None = None) -> dict[str, Any]:
    """One list: its items with their marks, and its explanation."""
    items = [(item, (marks or {}).get(item.movie["id"])) for item in preview_items(presented, PLACES)]
    return {"name": name, "items": items, "about": explanation(presented)}


def _trial_of_version(scenario: str, number: str) -> Trial | None:
    """A saved version of the scenario; None where none is asked for, or there is none of that number."""
    row = Scenario.objects.filter(name=scenario).first()
    version = row and row.versions.filter(number=id_typed(number)).first()
    return _trial_of_config(scenario, version.config, f"Version {version.number}") if version else None


def _trial_of_config(scenario: str, config: Any, name: str) -> Trial:
    try:
        read = scenario_config_read(config)
    except ConfigError as error:
        return Trial(name, scenario=scenario, notes=(f"This release cannot read the configuration: {error}",))
    live = curation_now().scenario(scenario) is not None
    notes = () if live else (f"{scenario} is not live yet: its list is compared with that of {HOME}.",)
    return Trial(name, curation_with(scenario=scenario, config=read), scenario=scenario, notes=notes)


def _trial_of_rule(draft: RuleDraft, rule: CurationRule | None) -> Trial:
    """The draft in force now, for the person whose list is previewed, whatever its scope in people and time."""
    notes = []
    if not draft.enabled:
        notes.append("The rule is off: it would change nothing. It is previewed as if it were on.")
    if draft.starts_at is not None:
        notes.append("It is previewed as if it had begun.")
    if draft.country or draft.arm:
        scope = " and ".join(name for name in (draft.country, draft.arm) if name)
        notes.append(f"It holds for {scope} alone; it is previewed as if the person were there.")
    if draft.kind == CurationRule.Kind.ROW:
        notes.append("A row changes the home page, not this list.")
    filters = None
    if draft.genre is not None and draft.movie_ids:
        filters = ListFilters(genres=(draft.genre.slug,))
        notes.append(f"It holds in lists of {draft.genre.name}: these are such lists.")
    everybody = replace(draft, country="", arm="")
    curation = curation_with(draft=everybody, rule_id=rule.pk if rule else None)
    scenario = draft.scenario.name if draft.scenario else HOME
    if curation.scenario(scenario) is None:
        notes.append(f"Scenario {scenario} is not live: nothing would be changed until it is.")
        scenario = HOME
    return Trial("With the draft", curation, scenario=scenario, filters=filters, notes=tuple(notes))


def _object(model: Any, key: str) -> Any:
    """The row of that primary key; None without a key. Raises Http404."""
    return get_object_or_404(model, pk=id_typed(key)) if key else None


def _edit_url(model: str, row: Any) -> str:
    name = f"admin:recommendations_{model}"
    return reverse(f"{name}_change", args=[row.pk]) if row else reverse(f"{name}_add")
