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
from movies.merging.forms import MergeForm, MergeReasonForm
from movies.merging.models import MovieMerge
from movies.merging.progress import progress_read
from movies.merging.references import references
from movies.merging.services import (
    IN_FORCE,
    MergePlan,
    merge_plan,
    merge_request,
    merge_undo_request,
)
from movies.merging.suggestions import MAX_SUGGESTIONS, duplicate_suggestions
from movies.models import Movie
from recsys_project.staff_admin import ReadOnlyAdmin
from recsys_project.staff_admin.confirm import Confirmation, confirm_page
from recsys_project.staff_admin.log import rows_log
from recsys_project.staff_admin.numbers import id_typed
from recsys_project.staff_admin.selection import rows_exactly

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
        merge = MovieMerge.objects.filter(duplicate=id_typed(object_id), state__in=IN_FORCE).first()
        if merge is not None:
            return HttpResponseRedirect(reverse("admin:movies_moviemerge_change", args=[merge.pk]))
        return HttpResponseRedirect(f"{reverse('admin:movies_movie_merge')}?{urlencode({'duplicate': object_id})}")

    @admin.action(description="Merge the two selected movies", permissions=["change"])
    def merge_selected(self, request: HttpRequest, queryset: QuerySet[Movie]) -> HttpResponse | None:
        """Goes to the confirmation; the older entry remains unless staff swap them."""
        chosen = rows_exactly(request, self, queryset.order_by("pk").values_list("pk", flat=True), count=2)
        if chosen is None:
            return None
        return HttpResponseRedirect(merge_url(duplicate=chosen[1], target=chosen[0]))

    def merge_view(self, request: HttpRequest) -> HttpResponse:
        """Chooses two movies, shows what merging them will do, and merges them."""
        if not self.has_change_permission(request):
            raise PermissionDenied
        given = request.POST if request.method == "POST" else request.GET
        chosen = {name: given.get(name, "") for name in ("duplicate", "target")}
        # The widgets look up what was chosen, and fail on what is no id.
        ids_given = {name: id_typed(text) or "" for name, text in chosen.items()}
        choice = MergeForm(ids_given if chosen["target"] else None, initial=ids_given)
        reason = MergeReasonForm(request.POST if request.method == "POST" else None)
        context: dict[str, Any] = {"choice": choice, "form": None}
        if choice.is_bound and choice.is_valid():
            duplicate, target = choice.cleaned_data["duplicate"], choice.cleaned_data["target"]
            try:
                plan = merge_plan(duplicate_id=duplicate.pk, target_id=target.pk)
                if reason.is_valid():
                    text = reason.cleaned_data["reason"]
                    merge = merge_request(
                        duplicate_id=duplicate.pk, target_id=target.pk, reason=text, user=request.user
                    )
                    return self._merged(request, merge)
                context |= {"plan": plan, "facts": _facts(plan.duplicate, plan.target), "page": _merge_page(plan)}
                context["form"] = reason
            except ValidationError as error:
                choice.add_error(None, error.messages)
        context |= self.admin_site.each_context(request) | {
            "title": "Merge two movies",
            "opts": self.opts,
            "media": self.media + choice.media,
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
        context = {"title": "Possible duplicates", "opts": self.opts, "found": found, "limit": MAX_SUGGESTIONS}
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
        return (
            progress_read(merge_id=merge.pk)
            if merge.state in (merge.State.REQUESTED, merge.State.UNDO_REQUESTED)
            else ""
        )

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
        return HttpResponseRedirect(reverse("admin:movies_moviemerge_undo_confirm", args=[id_typed(object_id)]))

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
        page = Confirmation(
            title=f"Undo merge {merge.pk}",
            consequences=[
                f"{merge.duplicate} comes back into the catalogue, with the ratings, events and the rest that the merge"
                f" moved to {merge.target}. What came after the merge stays with {merge.target}."
            ],
            act="Undo the merge",
            back=reverse("admin:movies_moviemerge_changelist"),
            back_text="All merges",
            form_id="undo-merge",
        )
        context: dict[str, Any] = {"merge": merge, "problems": problems, "moved": self.moved_rows(merge)}
        return confirm_page(request, self, page, template="admin/movies/undo_merge.html", **context)


def merge_url(*, duplicate: int, target: int) -> str:
    """The address of the confirmation."""
    return f"{reverse('admin:movies_movie_merge')}?{urlencode({'duplicate': duplicate, 'target': target})}"


def _merge_page(plan: MergePlan) -> Confirmation:
    """What merging does, and the question why."""
    taken = f", and takes what it lacks: {', '.join(plan.filled)}" if plan.filled else ""
    consequences = [
        f"Ratings, events, tags and the like of the duplicate become those of {plan.target}. Where a person rated both,"
        f" the newer rating counts. {plan.target} keeps its title and all that it has{taken}. The merge can be undone."
    ]
    if plan.in_background:
        consequences.append(f"There are {plan.rows:,} rows to move, so this runs in the background.")
    return Confirmation(
        title="Merge",
        consequences=consequences,
        act="Merge",
        back=merge_url(duplicate=plan.target.pk, target=plan.duplicate.pk),
        back_text="Merge the other way round",
        form_id="merge-movies",
        hidden=[("duplicate", str(plan.duplicate.pk)), ("target", str(plan.target.pk))],
    )


def _facts(duplicate: Movie, target: Movie) -> list[tuple[str, Any, Any]]:
    """(what, of the duplicate, of the target)."""
    return [(str(label_for_field(name, Movie)), getattr(duplicate, name), getattr(target, name)) for name in COMPARED]


def _movies_of(merge: MovieMerge) -> QuerySet[Movie]:
    return Movie.objects.filter(pk__in=[merge.duplicate_id, merge.target_id]).only("pk", "title", "year")
