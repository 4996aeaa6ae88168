"""Model versions and what they published, in the admin."""

from __future__ import annotations

from math import isnan, nan
from typing import Any, cast

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.text import Truncator

from events.admin import ReadOnlyAdmin
from movies.caching.announcing import AnnouncingAdmin
from movies.models import Movie
from movies.paginator import EstimatedCountPaginator
from movies.text import search_key_typed
from recommendations.curation import admin as curation_admin  # noqa: F401 -- it registers its models.
from recommendations.experiments import admin as experiment_admin  # noqa: F401 -- it registers its models.
from recommendations.models import BatchRecommendation, ModelVersion, PopularMovie, TuningRun, TuningTrial
from recommendations.retrieval.version_serving import serving_parameters
from recommendations.training import readiness_filter  # noqa: F401 -- it adds a filter to the list of movies.
from recommendations.training.nightly import training_request
from recommendations.training.publishing import version_publish, version_rollback
from recsys_project.staff_admin import StaffTabularInline


class TrainedAdmin(ReadOnlyAdmin):
    """Read-only pages of rows that only training writes."""

    show_full_result_count = False
    paginator = EstimatedCountPaginator


@admin.register(ModelVersion)
class ModelVersionAdmin(AnnouncingAdmin, TrainedAdmin):
    list_display = [
        *("id", "status", "trigger", "stage", "percent", "attempts", "ndcg", "people", "interactions", "created_at"),
        "why",
    ]
    list_filter = ["status", "trigger"]
    search_fields = ["id", "error", "refusal"]
    date_hierarchy = "created_at"
    actions = ["retrain", "make_live", "roll_back"]
    fieldsets = [
        (None, {"fields": ["status", "trigger", "requested_by", "algorithm", "live_at", "refusal"]}),
        (
            "Training",
            {
                "fields": [
                    *("stage", "percent", "attempts", "not_before", "error"),
                    *("scheduled_for", "created_at", "started_at", "finished_at"),
                ]
            },
        ),
        ("Data", {"fields": ["people", "movies", "interactions", "peak_memory_mib"]}),
        ("Quality", {"fields": ["metrics_table"]}),
        ("Hyperparameters", {"fields": ["hyperparameters_table", "serving_table"]}),
    ]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Run the actions that need no version without a selection: before the first training there is no version."""
        if request.POST.get("action") in ("retrain", "roll_back") and not request.POST.getlist(ACTION_CHECKBOX_NAME):
            data = request.POST.copy()
            data[ACTION_CHECKBOX_NAME] = "0"
            request.POST = cast(Any, data)
        return super().changelist_view(request, extra_context)

    def has_retrain_permission(self, request: HttpRequest) -> bool:
        """Staff who may change model versions may also retrain and choose the live version."""
        return request.user.has_perm("recommendations.change_modelversion")

    @admin.display(description="progress")
    def percent(self, version: ModelVersion) -> str:
        return f"{version.progress:.0%}"

    @admin.display(description="nDCG@10 (popularity)")
    def ndcg(self, version: ModelVersion) -> str:
        if "ndcg@10" not in version.metrics:
            return "-"
        return f"{version.metrics['ndcg@10']:.4f} ({version.metrics['popularity']['ndcg@10']:.4f})"

    @admin.display(description="reason")
    def why(self, version: ModelVersion) -> str:
        return Truncator(version.refusal or version.error or "-").chars(120)

    @admin.display(description="metrics")
    def metrics_table(self, version: ModelVersion) -> SafeString:
        return _table(version.metrics)

    @admin.display(description="hyperparameters")
    def hyperparameters_table(self, version: ModelVersion) -> SafeString:
        return _table(version.hyperparameters)

    @admin.display(description="of serving")
    def serving_table(self, version: ModelVersion) -> SafeString:
        return _table(serving_parameters(version).as_dict())

    @admin.action(description="Retrain now (ignores the selection)", permissions=["retrain"])
    def retrain(self, request: HttpRequest, queryset: QuerySet[ModelVersion]) -> None:
        user: Any = request.user
        version = training_request(trigger="admin", requested_by=user)
        self.message_user(request, f"Version {version.pk} will be trained within a minute; follow it here.")

    @admin.action(description="Make the selected version live", permissions=["retrain"])
    def make_live(self, request: HttpRequest, queryset: QuerySet[ModelVersion]) -> None:
        chosen = list(queryset[:2])
        if len(chosen) != 1:
            self.message_user(request, "Select one version.", messages.ERROR)
            return
        self._switch(request, chosen[0])

    @admin.action(
        description="Roll back to the version before the live one (ignores the selection)", permissions=["retrain"]
    )
    def roll_back(self, request: HttpRequest, queryset: QuerySet[ModelVersion]) -> None:
        self._switch(request, None)

    def _switch(self, request: HttpRequest, version: ModelVersion | None) -> None:
        try:
            live = version_rollback() if version is None else version_publish(version=version)
        except ValidationError as error:
            self.message_user(request, " ".join(error.messages), messages.ERROR)
            return
        if live.refusal:
            self.log_change(request, live, f"Made live, although it had been refused: {live.refusal}")
            self.message_user(
                request, f"Version {live.pk} is live, although it had been refused: {live.refusal}", messages.WARNING
            )
            return
        self.log_change(request, live, "Made live.")
        self.message_user(request, f"Version {live.pk} is live.")


@admin.register(PopularMovie)
class PopularMovieAdmin(TrainedAdmin):
    list_display = ["rank", "movie", "genre", "score", "computed_at"]
    list_filter = ["genre"]
    list_select_related = ["movie", "genre"]
    search_fields = ["movie__search_title__contains"]

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Search by part of a movie's title, with or without accents."""
        return super().get_search_results(request, queryset, search_key_typed(search_term))


@admin.register(BatchRecommendation)
class BatchRecommendationAdmin(TrainedAdmin):
    list_display = ["id", "user_id", "version_id", "length"]
    # An index finds one person's rows; any other search would read the whole table.
    search_fields = ["user__id__exact"]
    search_help_text = "The id of a person."
    ordering = ["-id"]
    fields = ["user", "version", "movie_table"]

    @admin.display(description="movies")
    def length(self, row: BatchRecommendation) -> int:
        return len(row.movie_ids)

    @admin.display(description="list")
    def movie_table(self, row: BatchRecommendation) -> SafeString:
        titles = {movie.pk: str(movie) for movie in Movie.objects.filter(pk__in=row.movie_ids)}
        ratings = row.predicted_ratings or [nan] * len(row.movie_ids)
        lines = (
            (
                f"{score:.3f}",
                "" if isnan(rating) else f"{rating:.1f}",
                titles.get(movie_id, f"movie {movie_id} (deleted)"),
            )
            for movie_id, score, rating in zip(row.movie_ids, row.scores, ratings, strict=True)
        )
        head = format_html("<tr><th>{}</th><th>{}</th><th>{}</th></tr>", "score", "rating", "movie")
        cells = format_html_join("", "<tr><td>{}</td><td>{}</td><td>{}</td></tr>", lines)
        return format_html("<table>{}{}</table>", head, cells)


class TuningTrialInline(StaffTabularInline):
    model = TuningTrial
    fields = ["number", "part", "value", "seconds", "state", "parameters"]
    ordering = ["number"]
    can_delete = False
    extra = 0

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(TuningRun)
class TuningRunAdmin(TrainedAdmin):
    list_display = [
        "id",
        "status",
        "trigger",
        "improves",
        "shipped_holdout_value",
        "best_holdout_value",
        "people",
        "started_at",
    ]
    list_filter = ["status", "trigger", "improves"]
    search_fields = ["id", "error"]
    date_hierarchy = "started_at"
    inlines = [TuningTrialInline]
    fieldsets = [
        (
            None,
            {
                "fields": [
                    "status",
                    "trigger",
                    "improves",
                    "error",
                    "interrupted",
                    "started_at",
                    "finished_at",
                    "seed",
                    "people",
                ]
            },
        ),
        ("nDCG@10", {"fields": ["shipped_value", "best_value", "shipped_holdout_value", "best_holdout_value"]}),
        ("Best configuration", {"fields": ["configuration_table"]}),
    ]

    @admin.display(description="configuration")
    def configuration_table(self, run: TuningRun) -> SafeString:
        return _table(run.configuration)


def _table(values: dict[str, Any]) -> SafeString:
    """Render nested numbers as a table of names and values."""
    return format_html("<table>{}</table>", format_html_join("", "<tr><th>{}</th><td>{}</td></tr>", _flat(values)))


def _flat(values: dict[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    lines: list[tuple[str, Any]] = []
    for name, value in values.items():
        if name == "stages":
            lines += [(f"seconds {stage}", seconds) for stage, seconds in value]
        else:
            lines += _flat(value, f"{prefix}{name} ") if isinstance(value, dict) else [(f"{prefix}{name}", value)]
    return lines
