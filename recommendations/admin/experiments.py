"""Experiments in the admin: drafted with their arms, started, stopped, and read."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import JSONField, QuerySet
from django.forms import ModelForm
from django.forms.models import BaseInlineFormSet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html

from movies.caching.announcing import AnnouncingAdmin
from movies.strict_json import StrictDecoder
from recommendations.admin.experiment_plots import interval_plots
from recommendations.experiments.results import experiment_results
from recommendations.experiments.selectors import state_of
from recommendations.experiments.services import (
    DEFAULT_EFFECTS,
    NewArm,
    arms_check,
    experiment_start,
    experiment_stop,
    experiment_update,
)
from recommendations.models import Experiment, ExperimentArm
from recsys_project.staff_admin import StaffTabularInline
from recsys_project.staff_admin.confirm import Confirmation

Status = Experiment.Status
_FIELDS = ["name", "description", "metric", "effect", "share", "ends_at"]
_STATE = ["status", "buckets", "salt", "created_at", "started_at", "stopped_at"]
# What may still change, by status; see experiment_update.
_EDITABLE = {Status.DRAFT: set(_FIELDS), Status.RUNNING: {"description", "ends_at"}, Status.STOPPED: {"description"}}
STARTING = (
    "Its people get the lists of their arms within a second of the start. Afterwards nothing that decides who sees what"
    " can change."
)
STOPPING = "Its people get normal lists again within a second. A stopped experiment cannot be started again."


def is_draft(experiment: Experiment | None) -> bool:
    """Whether the arms may still change; None is a new experiment."""
    return experiment is None or experiment.status == Status.DRAFT


class ArmFormSet(BaseInlineFormSet):
    """The arms of a draft, which must be comparable."""

    def clean(self) -> None:
        super().clean()
        if any(self.errors) or not is_draft(self.instance):
            return
        kept = [form.cleaned_data for form in self.forms if form.cleaned_data and not form.cleaned_data.get("DELETE")]
        try:
            arms_check([NewArm(arm["name"], arm["weight"], arm["control"], arm["overrides"] or {}) for arm in kept])
        except ValidationError as error:
            # A formset takes errors without fields.
            raise ValidationError(error.messages) from error


class ArmInline(StaffTabularInline):
    model = ExperimentArm
    formset = ArmFormSet
    fields = ["name", "weight", "control", "overrides"]
    extra = 2
    formfield_overrides = {JSONField: {"decoder": StrictDecoder}}

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return is_draft(obj) and super().has_add_permission(request, obj)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return is_draft(obj) and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return is_draft(obj) and super().has_delete_permission(request, obj)


@admin.register(Experiment)
class ExperimentAdmin(AnnouncingAdmin):
    """Experiments. Only a draft can be deleted: the log of lists names the others."""

    list_display = ["name", "state", "metric", "share", "started_at", "ends_at", "stopped_at", "results_link"]
    list_filter = ["status", "metric"]
    search_fields = ["name", "description"]
    actions = ["start", "stop"]
    inlines = [ArmInline]
    fieldsets = [(None, {"fields": tuple(_FIELDS)}), ("State", {"fields": tuple(_STATE)})]

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.results_view)
        name = "recommendations_experiment_results"
        return [path("<path:object_id>/results/", view, name=name), *super().get_urls()]

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """Without deleting several at once, which would not ask for each."""
        return {name: action for name, action in super().get_actions(request).items() if name != "delete_selected"}

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, str | list[str]]:
        effect = DEFAULT_EFFECTS[Experiment.Metric.CLICK_THROUGH]
        return {"effect": str(effect), **super().get_changeform_initial_data(request)}

    def get_readonly_fields(self, request: HttpRequest, obj: Experiment | None = None) -> list[str]:
        editable = _EDITABLE[Status(obj.status if obj else Status.DRAFT)]
        return [*_STATE, *(name for name in _FIELDS if name not in editable)]

    def has_delete_permission(self, request: HttpRequest, obj: Experiment | None = None) -> bool:
        return is_draft(obj) and super().has_delete_permission(request, obj)

    def save_model(self, request: HttpRequest, obj: Experiment, form: ModelForm, change: bool) -> None:
        if is_draft(obj):
            super().save_model(request, obj, form, change)
        else:
            experiment_update(experiment=obj, **{name: form.cleaned_data[name] for name in form.changed_data})

    @admin.display(description="status")
    def state(self, experiment: Experiment) -> str:
        return state_of(experiment)

    @admin.display(description="results")
    def results_link(self, experiment: Experiment) -> str:
        page = reverse("admin:recommendations_experiment_results", args=[experiment.pk])
        return format_html('<a href="{}">{}</a>', page, "Start" if is_draft(experiment) else "Results")

    @admin.action(description="Start the selected drafts", permissions=["change"])
    def start(self, request: HttpRequest, queryset: QuerySet[Experiment]) -> None:
        for experiment in queryset:
            self._act(request, experiment_start, experiment, "Started.")

    @admin.action(description="Stop the selected experiments", permissions=["change"])
    def stop(self, request: HttpRequest, queryset: QuerySet[Experiment]) -> None:
        for experiment in queryset:
            self._act(request, experiment_stop, experiment, "Stopped.")

    def _act(self, request: HttpRequest, service: Any, experiment: Experiment, done: str) -> None:
        try:
            service(experiment=experiment)
        except ValidationError as error:
            self.message_user(request, f"Experiment {experiment.name}: {' '.join(error.messages)}", messages.ERROR)
            return
        self.log_change(request, experiment, done)
        self.message_user(request, f"Experiment {experiment.name}: {done}")

    def _results_change(self, request: HttpRequest, experiment: Experiment) -> HttpResponse:
        if not self.has_change_permission(request):
            raise PermissionDenied
        if "start" in request.POST:
            self._act(request, experiment_start, experiment, "Started.")
        elif "stop" in request.POST:
            self._act(request, experiment_stop, experiment, "Stopped.")
        return HttpResponseRedirect(request.path)

    def _next_step(self, request: HttpRequest, experiment: Experiment) -> Confirmation | None:
        """What starts or stops the experiment; None where nothing is left to do, or staff may not."""
        state = state_of(experiment)
        if state == Status.STOPPED or not self.has_change_permission(request):
            return None
        draft = state == Status.DRAFT
        return Confirmation(
            title="Start" if draft else "Stop",
            consequences=[STARTING if draft else STOPPING],
            act="Start" if draft else "Stop",
            act_name="start" if draft else "stop",
            back=reverse("admin:recommendations_experiment_change", args=[experiment.pk]),
            back_text="The experiment",
            form_id="experiment-state",
        )

    def results_view(self, request: HttpRequest, object_id: str) -> HttpResponseBase:
        """The results now: numbers and plots. A POST starts or stops the experiment."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        experiment = self.get_object(request, unquote(object_id))
        if experiment is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)
        if request.method == "POST":
            return self._results_change(request, experiment)
        results = experiment_results(experiment=experiment)
        context = {
            **self.admin_site.each_context(request),
            "title": f"Results of {experiment.name}",
            "opts": self.opts,
            "results": results,
            "plots": interval_plots(results),
            "page": self._next_step(request, experiment),
        }
        response: HttpResponse = render(request, "admin/experiment_results.html", context)
        return response
