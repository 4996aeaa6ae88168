"""Deleting movies in the admin: a page with counts, and hiding as the way that is recommended."""

from __future__ import annotations

from typing import Any, Final

from django.contrib import admin, messages
from django.contrib.admin.models import DELETION
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse

from movies import services
from movies.caching.announcing import AnnouncingAdmin
from movies.deletion.models import MovieDeletion
from movies.deletion.services import MAX_AT_ONCE, deletion_counts, movie_delete
from movies.models import Movie
from recsys_project.staff_admin import ReadOnlyAdmin
from recsys_project.staff_admin.confirm import Confirmation, confirm_page
from recsys_project.staff_admin.log import rows_log
from recsys_project.staff_admin.selection import rows_up_to

MAX_SELECTED: Final = 100
HIDE_INSTEAD: Final = (
    "Better hide: a hidden movie is in no list and no search, from the next request on, and its ratings still tell what"
    " else people like. A duplicate is better merged. Deleting is for good."
)
IN_BACKGROUND: Final = "There are many rows, so the movie is hidden now and its rows are deleted in the background."


class DeletionAdmin(AnnouncingAdmin):
    """The pages of deletions, as a part of the admin of movies. Django's own would load every row."""

    def get_urls(self) -> list[URLPattern]:
        own = path("delete/", self.admin_site.admin_view(self.delete_movies_view), name="movies_movie_delete_selected")
        return [own, *super().get_urls()]

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        actions = super().get_actions(request)
        actions.pop("delete_selected", None)
        return actions

    @admin.action(description="Delete the selected movies", permissions=["delete"])
    def delete_movies(self, request: HttpRequest, queryset: QuerySet[Movie]) -> HttpResponse | None:
        """Goes to the page that asks for confirmation."""
        ids = queryset.order_by("pk").values_list("pk", flat=True)
        chosen = rows_up_to(request, self, ids, limit=MAX_SELECTED)
        if chosen is None:
            return None
        return HttpResponseRedirect(f"{reverse('admin:movies_movie_delete_selected')}?ids={','.join(map(str, chosen))}")

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        return self._warned(request, self._delete_page(request, [object_id]))

    def delete_movies_view(self, request: HttpRequest) -> HttpResponse:
        """The same page for several movies: ``ids``, with commas between them."""
        given = (request.POST if request.method == "POST" else request.GET).get("ids", "")
        return self._warned(request, self._delete_page(request, given.split(",")))

    def _delete_page(self, request: HttpRequest, given: list[str]) -> HttpResponse:
        if not self.has_delete_permission(request):
            raise PermissionDenied
        ids = [int(text) for text in given if text.isascii() and text.isdigit() and len(text) < 19]
        movies = list(Movie.objects.filter(pk__in=ids[:MAX_SELECTED]).only("title", "year", "status").order_by("pk"))
        if not movies:
            # As Django answers for something that does not exist.
            self.message_user(request, "There is no such movie.", messages.WARNING)
            return HttpResponseRedirect(reverse("admin:index"))
        if request.method == "POST":
            return self._hide(request, movies) if "hide" in request.POST else self._delete(request, movies)
        counts = deletion_counts(movie_ids=[movie.pk for movie in movies])
        consequences = [HIDE_INSTEAD]
        if sum(count for _, count in counts) > MAX_AT_ONCE:
            consequences.append(IN_BACKGROUND)
        page = Confirmation(
            title="Delete movies" if len(movies) > 1 else f"Delete {movies[0]}",
            consequences=consequences,
            act="Delete for good",
            act_name="delete",
            danger=True,
            instead=("hide", "Hide, and keep everything") if self.has_change_permission(request) else None,
            back=reverse("admin:movies_movie_changelist"),
            form_id="delete-movies",
            hidden=[("ids", ",".join(str(movie.pk) for movie in movies))],
        )
        return confirm_page(request, self, page, template="admin/movies/delete.html", movies=movies, counts=counts)

    def _hide(self, request: HttpRequest, movies: list[Movie]) -> HttpResponse:
        if not self.has_change_permission(request):
            raise PermissionDenied
        services.movies_hide(movie_ids=[movie.pk for movie in movies], user_id=request.user.pk)
        rows_log(request, movies, "Set to hidden.")
        self.message_user(request, "Hidden. Nothing is deleted.", messages.SUCCESS)
        return HttpResponseRedirect(reverse("admin:movies_movie_changelist"))

    def _delete(self, request: HttpRequest, movies: list[Movie]) -> HttpResponse:
        deletions = []
        for movie in movies:
            try:
                with transaction.atomic():
                    # The log quotes the movie, so it comes first.
                    rows_log(request, [movie], "", flag=DELETION)
                    deletions.append(movie_delete(movie_id=movie.pk, user=request.user))
            except ValidationError:  # Somebody else has just deleted it.
                self.message_user(request, f"{movie} is deleted already.", messages.WARNING)
        if not deletions:
            return HttpResponseRedirect(reverse("admin:movies_movie_changelist"))
        if all(one.finished_at for one in deletions):
            self.message_user(request, "Deleted.", messages.SUCCESS)
            return HttpResponseRedirect(reverse("admin:movies_movie_changelist"))
        self.message_user(request, "Hidden now; their rows are deleted in the background.", messages.SUCCESS)
        return HttpResponseRedirect(reverse("admin:movies_moviedeletion_changelist"))


@admin.register(MovieDeletion)
class MovieDeletionAdmin(ReadOnlyAdmin):
    """Deletions with their progress, to read."""

    list_display = ["title", "movie_id", "progress", "rows", "deleted", "requested_by", "requested_at", "finished_at"]
    list_select_related = ["requested_by"]
    list_per_page = 50
    show_full_result_count = False

    @admin.display(description="progress")
    def progress(self, deletion: MovieDeletion) -> str:
        return f"{deletion.percent} %"

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Who may delete movies may see how far that is, too."""
        return request.user.has_perm("movies.delete_movie") or super().has_view_permission(request, obj)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)
