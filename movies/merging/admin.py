"""Merging duplicates in the admin: from a movie's page, from two selected movies, or from the suggestions."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.contrib import admin, messages
from django.contrib.admin.utils import label_for_field
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import URLPattern, path, reverse
from unfold.decorators import action

from movies.caching.announcing import AnnouncingAdmin
from movies.merging.forms import MergeForm
from movies.merging.models import MovieMerge
from movies.merging.references import references
from movies.merging.services import IN_FORCE, merge_plan, merge_progress, merge_request, merge_undo_request
from movies.merging.suggestions import MAX_SUGGESTIONS, duplicate_suggestions
from movies.models import Movie
from recsys_project.staff_admin import ReadOnlyAdmin
from recsys_project.staff_admin.log import rows_log

MAX_DIGITS = 19
# Beside the counts, what the confirmation compares.
COMPARED = ("title", "year", "status", "movielens_id", "imdb_id", "tmdb_id", "runtime_minutes", "language")


class MergingAdmin(AnnouncingAdmin):
    """The pages of merges, as a part of the admin of movies."""

    actions_list = ["see_duplicates"]
    actions_detail = ["merge_into"]

    def get_urls(self) -> list[URLPattern]:
        own = [
            path("merge/", self.admin_site.admin_view(self.merge_view), name="movies_movie_merge"),
            path("duplicates/", self.admin_site.admin_view(self.duplicates_view), name="movies_movie_duplicates"),
        ]
        return own + super().get_urls()

    def get_queryset(self, request: HttpRequest) -> QuerySet[Movie]:
        """Without merged movies where one is chosen by autocomplete."""
        found: QuerySet[Movie] = super().get_queryset(request)
        choosing = request.resolver_match is not None and request.resolver_match.url_name == "autocomplete"
        return found.exclude(status=Movie.Status.MERGED) if choosing else found

    @action(description="Possible duplicates", url_path="see-duplicates", permissions=["change"])
    def see_duplicates(self, request: HttpRequest) -> HttpResponse:
        """A link above the list."""
        return HttpResponseRedirect(reverse("admin:movies_movie_duplicates"))

    @action(description="Merge into another movie", url_path="merge-into", permissions=["change"])
    def merge_into(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """A link above a movie: chooses the other one, or shows the merge that it is part of."""
        merge = MovieMerge.objects.filter(duplicate=_number(object_id), state__in=IN_FORCE).first()
        if merge is not None:
            return HttpResponseRedirect(reverse("admin:movies_moviemerge_change", args=[merge.pk]))
        return HttpResponseRedirect(f"{reverse('admin:movies_movie_merge')}?{urlencode({'duplicate': object_id})}")

    @admin.action(description="Merge the two selected movies", permissions=["change"])
    def merge_selected(self, request: HttpRequest, queryset: QuerySet[Movie]) -> HttpResponse | None:
        """Goes to the confirmation; the older entry remains unless staff swap them."""
        chosen = list(queryset.order_by("pk").values_list("pk", flat=True)[:3])
        if len(chosen) != 2:
            self.message_user(request, "Select exactly two movies.", messages.ERROR)
            return None
        return HttpResponseRedirect(merge_url(duplicate=chosen[1], target=chosen[0]))

    def merge_view(self, request: HttpRequest) -> HttpResponse:
        """Chooses two movies, shows what merging them will do, and merges them."""
        if not self.has_change_permission(request):
            raise PermissionDenied
        given = request.POST if request.method == "POST" else request.GET
        chosen = {name: given.get(name, "") for name in ("duplicate", "target")}
        # The widgets look up what was chosen, and fail on what is no id.
        ids_given = {name: _number(text) or "" for name, text in chosen.items()}
        form = MergeForm(ids_given if chosen["target"] else None, initial=ids_given)
        context: dict[str, Any] = {"form": form, "reason": given.get("reason", "")[:300]}
        if form.is_bound and form.is_valid():
            ids = {"duplicate_id": form.cleaned_data["duplicate"].pk, "target_id": form.cleaned_data["target"].pk}
            try:
                plan = merge_plan(**ids)
                if request.method == "POST":
                    merge = merge_request(**ids, reason=given.get("reason", ""), user=request.user)
                    return self._merged(request, merge)
                context |= {"plan": plan, "facts": _facts(plan.duplicate, plan.target)}
                context["swap"] = merge_url(duplicate=ids["target_id"], target=ids["duplicate_id"])
            except ValidationError as error:
                form.add_error(None, error.messages)
        context |= self.admin_site.each_context(request) | {
            "title": "Merge two movies",
            "media": self.media + form.media,
        }
        return render(request, "admin/movies/merge.html", context)

    def duplicates_view(self, request: HttpRequest) -> HttpResponse:
        """Lists movies that may be the same."""
        if not self.has_change_permission(request):
            raise PermissionDenied
        found = [
            (one, merge_url(duplicate=one.second.pk, target=one.first.pk), one.reasons)
            for one in duplicate_suggestions()
        ]
        context = {"title": "Possible duplicates", "found": found, "limit": MAX_SUGGESTIONS}
        return render(request, "admin/movies/duplicates.html", self.admin_site.each_context(request) | context)

    def _merged(self, request: HttpRequest, merge: MovieMerge) -> HttpResponse:
        rows_log(request, _movies_of(merge), f"Merged into movie {merge.target_id}: {merge.reason}")
        waits = merge.state == MovieMerge.State.REQUESTED
        text = "The merge runs in the background; see its progress here." if waits else "The movies are merged."
        self.message_user(request, text, messages.SUCCESS)
        return self._warned(request, HttpResponseRedirect(reverse("admin:movies_moviemerge_changelist")))


@admin.register(MovieMerge)
class MovieMergeAdmin(ReadOnlyAdmin, AnnouncingAdmin):
    """The merges, to read and to undo."""

    list_display = ["id", "duplicate", "target", "state", "progress", "reason", "requested_by", "requested_at"]
    list_filter = ["state"]
    list_select_related = ["duplicate", "target", "requested_by"]
    list_per_page = 50
    show_full_result_count = False
    actions_detail = ["undo"]
    fields = [
        *("duplicate", "target", "reason", "state", "progress", "error", "requested_by", "requested_at", "merged_at"),
        *("moved_rows", "taken", "undone_by", "undone_at"),
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[MovieMerge]:
        return super().get_queryset(request).defer("duplicate__search_document", "target__search_document")

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Who may see movies may see their merges."""
        return request.user.has_perm("movies.view_movie") or request.user.has_perm("movies.change_movie")

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    @admin.display(description="progress")
    def progress(self, merge: MovieMerge) -> str:
        return merge_progress(merge) if merge.state in (merge.State.REQUESTED, merge.State.UNDO_REQUESTED) else ""

    @admin.display(description="moved")
    def moved_rows(self, merge: MovieMerge) -> str:
        labels = {one.table: one.label for one in references()}
        return ", ".join(f"{count} {labels.get(table, table)}" for table, count in merge.moved.items() if count)

    @admin.display(description="taken from the duplicate")
    def taken(self, merge: MovieMerge) -> str:
        return ", ".join([*merge.filled.get("fields", {}), *(name for name in merge.filled if name != "fields")])

    def has_undo_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Who may change movies may undo their merges. unfold's check of a plain permission would read the database."""
        return request.user.has_perm("movies.change_movie")

    @action(description="Undo", url_path="undo-merge", permissions=["undo"])
    def undo(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """A link above a merge, to the page that asks for confirmation."""
        return HttpResponseRedirect(reverse("admin:movies_moviemerge_undo_confirm", args=[_number(object_id)]))

    def get_urls(self) -> list[URLPattern]:
        undo = path(
            "<int:merge_id>/undo/", self.admin_site.admin_view(self.undo_view), name="movies_moviemerge_undo_confirm"
        )
        return [undo, *super().get_urls()]

    def undo_view(self, request: HttpRequest, merge_id: int) -> HttpResponse:
        """Says what undoing will do, and does it."""
        if not self.has_undo_permission(request):
            raise PermissionDenied
        merge = MovieMerge.objects.select_related("duplicate", "target").filter(pk=merge_id).first()
        if merge is None:
            # As Django answers for something that does not exist.
            self.message_user(request, "There is no such merge.", messages.WARNING)
            return HttpResponseRedirect(reverse("admin:index"))
        problems: list[str] = []
        if request.method == "POST":
            try:
                merge = merge_undo_request(merge_id=merge.pk, user=request.user)
            except ValidationError as error:
                problems = error.messages
            else:
                rows_log(request, _movies_of(merge), f"Merge into movie {merge.target_id} undone.")
                waits = merge.state == MovieMerge.State.UNDO_REQUESTED
                text = "The merge is being undone in the background." if waits else "The merge is undone."
                self.message_user(request, text, messages.SUCCESS)
                return self._warned(request, HttpResponseRedirect(reverse("admin:movies_moviemerge_changelist")))
        context = {"title": f"Undo merge {merge.pk}", "merge": merge, "problems": problems}
        context["moved"] = self.moved_rows(merge)
        return render(request, "admin/movies/undo_merge.html", self.admin_site.each_context(request) | context)


def merge_url(*, duplicate: int, target: int) -> str:
    """The address of the confirmation."""
    return f"{reverse('admin:movies_movie_merge')}?{urlencode({'duplicate': duplicate, 'target': target})}"


def _number(text: str) -> int:
    """The id, or 0 where it is none."""
    return int(text) if text.isdecimal() and len(text) < MAX_DIGITS else 0


def _facts(duplicate: Movie, target: Movie) -> list[tuple[str, Any, Any]]:
    """(what, of the duplicate, of the target)."""
    return [(str(label_for_field(name, Movie)), getattr(duplicate, name), getattr(target, name)) for name in COMPARED]


def _movies_of(merge: MovieMerge) -> QuerySet[Movie]:
    return Movie.objects.filter(pk__in=[merge.duplicate_id, merge.target_id]).only("pk", "title", "year")
