"""What training published, in the admin: popular movies, nightly lists and searches for hyperparameters."""

from __future__ import annotations

from math import isnan, nan
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from movies.models import Movie
from movies.paginator import EstimatedCountPaginator
from movies.text import search_key_typed
from recommendations.admin.previews import PreviewAdmin
from recommendations.admin.tables import values_table
from recommendations.models import BatchRecommendation, PopularMovie, TuningRun, TuningTrial
from recsys_project.staff_admin import ReadOnlyAdmin, StaffTabularInline
from recsys_project.staff_admin.keyset import KeysetAdmin


class TrainedAdmin(ReadOnlyAdmin):
    """Read-only pages of rows that only training writes."""

    show_full_result_count = False
    paginator = EstimatedCountPaginator


@admin.register(PopularMovie)
class PopularMovieAdmin(TrainedAdmin):
    list_display = ["rank", "movie", "genre", "rounded_score", "computed_at"]
    list_filter = ["genre"]
    list_select_related = ["movie", "genre"]
    search_fields = ["movie__search_title__contains"]

    @admin.display(description="score", ordering="score")
    def rounded_score(self, row: PopularMovie) -> str:
        return f"{row.score:.1f}"

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Search by part of a movie's title, with or without accents."""
        return super().get_search_results(request, queryset, search_key_typed(search_term))


@admin.register(BatchRecommendation)
class BatchRecommendationAdmin(PreviewAdmin, TrainedAdmin, KeysetAdmin):
    list_display = ["id", "user_id", "version_id", "length"]
    # An index finds one person's rows; any other search would read the whole table.
    search_fields = ["user__id__exact"]
    search_help_text = "The id of a person."
    ordering = ["-id"]
    fields = ["user", "version", "folded_at", "movie_table"]

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
        return values_table(run.configuration)
