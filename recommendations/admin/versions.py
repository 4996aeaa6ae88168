"""Model versions in the admin: followed, compared, published, rejected and rolled back with a reason."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.text import Truncator

from movies.caching.announcing import AnnouncingAdmin
from recommendations.admin.tables import values_table
from recommendations.admin.trained import TrainedAdmin
from recommendations.models import ModelVersion
from recommendations.retrieval.version_serving import serving_parameters
from recommendations.training.comparison import (
    facts_compare,
    hyperparameters_compare,
    metrics_compare,
    quality_over_versions,
    quality_series,
    rankable_versions,
)
from recommendations.training.decisions import version_publish_because, version_reject, version_rollback_because
from recommendations.training.heartbeat import heartbeat_age
from recommendations.training.nightly import training_request
from recommendations.training.status import trainings_now
from recsys_project.staff_admin.confirm import Confirmation, action_fields, confirm_page
from recsys_project.staff_admin.reasons import ReasonField
from recsys_project.staff_admin.selection import rows_exactly

WITHOUT_SELECTION = ("retrain", "roll_back")


class ReasonForm(forms.Form):
    """Why a version goes live or does not."""

    reason = ReasonField(help_text="For other staff; kept with the version and in its history.")


@dataclass(frozen=True, slots=True)
class Decision:
    """A decision that asks for a reason. run: decides, given the reason, and returns the version to log it with."""

    action: str
    question: str
    consequence: str
    act: str
    done: str
    run: Callable[[str], ModelVersion]


@admin.register(ModelVersion)
class ModelVersionAdmin(AnnouncingAdmin, TrainedAdmin):
    list_display = [
        *("id", "status", "trigger", "stage", "percent", "attempts", "ndcg", "people", "interactions", "created_at"),
        "why",
    ]
    list_filter = ["status", "trigger"]
    search_fields = ["id", "error", "refusal"]
    date_hierarchy = "created_at"
    actions = ["retrain", "compare", "make_live", "reject", "roll_back"]
    list_before_template = "admin/versions_before.html"
    fieldsets = [
        (None, {"fields": ["status", "trigger", "requested_by", "algorithm", "live_at", "refusal", "decisions_table"]}),
        ("After publishing", {"fields": ["watch_table"]}),
        (
            "Training",
            {
                "fields": [
                    *("stage", "percent", "attempts", "sign_of_life", "not_before", "error"),
                    *("scheduled_for", "created_at", "started_at", "finished_at"),
                ]
            },
        ),
        ("Data", {"fields": ["people", "movies", "interactions", "peak_memory_mib"]}),
        ("Quality", {"fields": ["metrics_table"]}),
        ("Hyperparameters", {"fields": ["hyperparameters_table", "serving_table"]}),
    ]

    def get_urls(self) -> list[URLPattern]:
        compare = self.admin_site.admin_view(self.compare_view)
        progress = self.admin_site.admin_view(self.progress_view)
        return [
            path("compare/", compare, name="recommendations_modelversion_compare"),
            path("progress/", progress, name="recommendations_modelversion_progress"),
            *super().get_urls(),
        ]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Run the actions that need no version without a selection: before the first training there is no version."""
        if request.POST.get("action") in WITHOUT_SELECTION and not request.POST.getlist(ACTION_CHECKBOX_NAME):
            data = request.POST.copy()
            data[ACTION_CHECKBOX_NAME] = "0"
            request.POST = cast(Any, data)
        plots = {
            "quality": quality_series(quality_over_versions()),
            "version_page": reverse("admin:recommendations_modelversion_change", args=["0"]),
        }
        shown = {
            "plots": plots,
            "drawn": {"as_of": timezone.now()},
            "may_retrain": self.has_retrain_permission(request),
        }
        return super().changelist_view(request, {**shown, **(extra_context or {})})

    def has_retrain_permission(self, request: HttpRequest) -> bool:
        """Staff who may change model versions may also retrain and choose the live version."""
        return request.user.has_perm("recommendations.change_modelversion")

    @admin.display(description="progress")
    def percent(self, version: ModelVersion) -> str:
        return f"{version.progress:.0%}"

    @admin.display(description="last sign of life")
    def sign_of_life(self, version: ModelVersion) -> str:
        last = getattr(version, "heartbeat", None)
        age = heartbeat_age(version)
        if last is None:
            return "-"
        return f"{last}" if age is None else f"{last} ({age:.0f} s ago)"

    @admin.display(description="nDCG@10 (popularity)")
    def ndcg(self, version: ModelVersion) -> str:
        if "ndcg@10" not in version.metrics:
            return "-"
        return f"{version.metrics['ndcg@10']:.4f} ({version.metrics['popularity']['ndcg@10']:.4f})"

    @admin.display(description="reason")
    def why(self, version: ModelVersion) -> str:
        return Truncator(version.refusal or version.error or "-").chars(120)

    @admin.display(description="lists since it went live, against the days before")
    def watch_table(self, version: ModelVersion) -> SafeString | str:
        return values_table(version.watch) if version.watch else "-"

    @admin.display(description="decisions")
    def decisions_table(self, version: ModelVersion) -> SafeString | str:
        rows = [
            (row.made_at.strftime("%Y-%m-%d %H:%M UTC"), row.get_kind_display(), row.reason, row.made_by or "-")
            for row in version.decisions.select_related("made_by")
        ]
        lines = format_html_join("", "<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>", rows)
        return format_html("<table>{}</table>", lines) if rows else "-"

    @admin.display(description="metrics")
    def metrics_table(self, version: ModelVersion) -> SafeString:
        return values_table(version.metrics)

    @admin.display(description="hyperparameters")
    def hyperparameters_table(self, version: ModelVersion) -> SafeString:
        return values_table(version.hyperparameters)

    @admin.display(description="of serving")
    def serving_table(self, version: ModelVersion) -> SafeString:
        return values_table(serving_parameters(version).as_dict())

    @admin.action(description="Retrain now (ignores the selection)", permissions=["retrain"])
    def retrain(self, request: HttpRequest, queryset: QuerySet[ModelVersion]) -> None:
        user: Any = request.user
        version = training_request(trigger="admin", requested_by=user)
        self.message_user(request, f"Version {version.pk} will be trained within a minute; follow it here.")

    @admin.action(description="Compare the two selected versions", permissions=["retrain"])
    def compare(self, request: HttpRequest, queryset: QuerySet[ModelVersion]) -> HttpResponseRedirect | None:
        chosen = rows_exactly(request, self, queryset.order_by("pk").values_list("pk", flat=True), count=2)
        if chosen is None:
            return None
        page = reverse("admin:recommendations_modelversion_compare")
        return HttpResponseRedirect(f"{page}?first={chosen[0]}&second={chosen[1]}")

    @admin.action(description="Make the selected version live", permissions=["retrain"])
    def make_live(self, request: HttpRequest, queryset: QuerySet[ModelVersion]) -> HttpResponse | None:
        chosen = rows_exactly(request, self, queryset, count=1)
        if chosen is None:
            return None
        (version,) = chosen
        user: Any = request.user
        refused = f" It had been refused: {version.refusal}" if version.refusal else ""
        return self._decide(
            request,
            Decision(
                "make_live",
                f"Make version {version.pk} live?",
                f"Everybody's next list comes from it.{refused}",
                "Make it live",
                f"Made live, although it had been refused: {version.refusal}" if version.refusal else "Made live.",
                lambda reason: version_publish_because(version=version, reason=reason, user=user),
            ),
        )

    @admin.action(description="Reject the selected version", permissions=["retrain"])
    def reject(self, request: HttpRequest, queryset: QuerySet[ModelVersion]) -> HttpResponse | None:
        chosen = rows_exactly(request, self, queryset, count=1)
        if chosen is None:
            return None
        (version,) = chosen
        user: Any = request.user
        return self._decide(
            request,
            Decision(
                "reject",
                f"Reject version {version.pk}?",
                "No rollback returns to it. If it is older than the live version, its lists and vectors are dropped.",
                "Reject it",
                "Rejected.",
                lambda reason: version_reject(version=version, reason=reason, user=user),
            ),
        )

    @admin.action(
        description="Roll back to the version before the live one (ignores the selection)", permissions=["retrain"]
    )
    def roll_back(self, request: HttpRequest, queryset: QuerySet[ModelVersion]) -> HttpResponse | None:
        user: Any = request.user
        return self._decide(
            request,
            Decision(
                "roll_back",
                "Roll back to the version before the live one?",
                "Everybody's next list comes from it.",
                "Roll back",
                "Made live by a rollback.",
                lambda reason: version_rollback_because(reason=reason, user=user),
            ),
        )

    def _decide(self, request: HttpRequest, decision: Decision) -> HttpResponse | None:
        """Ask for the reason; with one, decide, and keep the reason in the history."""
        form = ReasonForm(request.POST if "reason" in request.POST else None)
        if not form.is_valid():
            return self._ask(request, decision, form)
        reason = form.cleaned_data["reason"]
        try:
            version = decision.run(reason)
        except ValidationError as error:
            self.message_user(request, " ".join(error.messages), messages.ERROR)
            return None
        self.log_change(request, version, f"{decision.done} Why: {reason}")
        if decision.action == "reject":
            self.message_user(request, f"Version {version.pk} is rejected.")
        elif version.refusal:
            text = f"Version {version.pk} is live, although it had been refused: {version.refusal}"
            self.message_user(request, text, messages.WARNING)
        else:
            self.message_user(request, f"Version {version.pk} is live.")
        return None

    def _ask(self, request: HttpRequest, decision: Decision, form: ReasonForm) -> HttpResponse:
        page = Confirmation(
            title=decision.question,
            consequences=[decision.consequence],
            act=decision.act,
            back=reverse("admin:recommendations_modelversion_changelist"),
            form_id="decision",
            hidden=action_fields(request, decision.action),
        )
        return confirm_page(request, self, page, form=form)

    def compare_view(self, request: HttpRequest) -> HttpResponseBase:
        """Two versions side by side."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        form = CompareForm(request.GET or None)
        context = {
            **self.admin_site.each_context(request),
            "title": "Compare versions",
            "opts": self.opts,
            "form": form,
        }
        if form.is_valid():
            first, second = form.cleaned_data["first"], form.cleaned_data["second"]
            context |= {
                "first": first,
                "second": second,
                "pair": (first, second),
                "tables": [
                    ("Quality", metrics_compare(first, second)),
                    ("Data and cost", facts_compare(first, second)),
                    ("Hyperparameters that differ", hyperparameters_compare(first, second)),
                ],
                "rankable": {version.pk for version in rankable_versions()},
            }
        return TemplateResponse(request, "admin/version_comparison.html", context)

    def progress_view(self, request: HttpRequest) -> HttpResponseBase:
        """The trainings that wait or run, as JSON, which the page of versions asks for again and again."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        found = [
            {
                "version": row.version_id,
                "status": row.status,
                "stage": row.stage,
                "percent": round(row.progress * 100),
                "attempts": row.attempts,
                "not_before": row.not_before,
                "error": row.error,
                "seconds": None if row.seconds is None else round(row.seconds),
                "remaining_seconds": None if row.remaining is None else round(row.remaining),
                "heartbeat_seconds": None if row.heartbeat is None else round(row.heartbeat),
            }
            for row in trainings_now()
        ]
        live = ModelVersion.objects.live().values_list("pk", flat=True).first()
        return JsonResponse({"trainings": found, "live": live}, headers={"Cache-Control": "no-store"})


class CompareForm(forms.Form):
    """Two different versions."""

    first = forms.ModelChoiceField(ModelVersion.objects.all(), widget=forms.NumberInput)
    second = forms.ModelChoiceField(ModelVersion.objects.all(), widget=forms.NumberInput)

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if cleaned.get("first") is not None and cleaned.get("first") == cleaned.get("second"):
            self.add_error("second", "Choose another version.")
        return cleaned
