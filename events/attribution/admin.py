"""Statistics of recommendations, in the admin: to read, with the sums of what is filtered."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.template.response import TemplateResponse

from events.attribution.models import RecommendationStatistic
from events.attribution.selectors import statistics_as_of, statistics_total
from movies.paginator import EstimatedCountPaginator
from recsys_project.staff_admin import ReadOnlyAdmin


@admin.register(RecommendationStatistic)
class RecommendationStatisticAdmin(ReadOnlyAdmin):
    """Counted from the log of lists."""

    change_list_template = "admin/events/recommendationstatistic/change_list.html"
    list_display = [
        "starts_at",
        "period",
        "dimension",
        "value",
        "experiment",
        "arm",
        "impressions",
        "click_through",
        "watch_through",
        "likes",
        "dislikes",
        "hides",
        "ratings",
        "people",
        "as_of",
    ]
    list_filter = ["period", "dimension", "starts_at"]
    search_fields = ["=value", "=experiment", "=arm"]
    search_help_text = "A source, a position, the number of a version or client, an endpoint, an experiment or an arm."
    list_per_page = 50
    show_full_result_count = False
    paginator = EstimatedCountPaginator
    ordering = ["-starts_at", "dimension", "-impressions"]

    @admin.display(description="click-through")
    def click_through(self, row: RecommendationStatistic) -> str:
        return _percent(row.opened, row.impressions)

    @admin.display(description="watch-through")
    def watch_through(self, row: RecommendationStatistic) -> str:
        return _percent(row.watches, row.impressions)

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        """Adds the sums of all filtered rows, which mean something within one period and one dimension."""
        response = super().changelist_view(request, extra_context)
        context = getattr(response, "context_data", None)
        if isinstance(response, TemplateResponse) and context and "cl" in context:
            filters = request.GET
            if filters.get("period__exact") and filters.get("dimension__exact"):
                sums = statistics_total(context["cl"].queryset)
                context["sums"] = sums
                context["sums_click_through"] = _percent(sums.opened, sums.impressions)
                context["sums_watch_through"] = _percent(sums.watches, sums.impressions)
            context["as_of"] = statistics_as_of()
        return response


def _percent(part: int, whole: int) -> str:
    return f"{part / whole:.2%}" if whole else "-"
