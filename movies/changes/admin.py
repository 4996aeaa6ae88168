"""The history of a movie in the admin: who changed what and when, with the values before and after, and the undo."""

from typing import Any, cast

from django.contrib import admin, messages
from django.contrib.admin.models import LogEntry
from django.contrib.admin.utils import unquote
from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import QuerySet
from django.forms import BaseModelFormSet, ModelForm
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.shortcuts import render
from django.urls import URLPattern, path, reverse

from movies.changes.models import MovieChange
from movies.changes.services import changes_record, movies_lock
from movies.changes.snapshots import movie_snapshots
from movies.changes.undo import change_to_undo, change_undo
from movies.changes.wording import change_in_words
from movies.models import Movie
from recsys_project.staff_admin.numbers import id_typed
from recsys_project.staff_admin.selection import rows_up_to

MAX_SHOWN = 200
# Movies of one action: each is undone by itself, within the time of a request.
MAX_UNDONE = 200


class MovieHistoryAdmin(admin.ModelAdmin):
    """Records what the change page saves, shows it as the movie's history, and undoes the last change."""

    object_history_template = "admin/movie_history.html"

    def get_urls(self) -> list[URLPattern]:
        undo = self.admin_site.admin_view(self.undo_view)
        return [path("<path:object_id>/undo/", undo, name="movies_movie_undo"), *super().get_urls()]

    def save_model(self, request: HttpRequest, obj: Movie, form: ModelForm, change: bool) -> None:
        if change:
            movies_lock([obj.pk])
        before = movie_snapshots([obj.pk]) if change else {}
        cast(Any, form).snapshots_before = before
        super().save_model(request, obj, form, change)

    def save_related(
        self, request: HttpRequest, form: ModelForm, formsets: list[BaseModelFormSet], change: bool
    ) -> None:
        super().save_related(request, form, formsets, change)
        changes_record(
            before=cast(Any, form).snapshots_before,
            after=movie_snapshots([form.instance.pk]),
            user_id=request.user.pk,
            kind=MovieChange.Kind.EDITED if change else MovieChange.Kind.ADDED,
        )

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The changes with their values, and below them the whole admin log of the movie; both newest first.

        The log repeats the edits: it alone has merges, and what was done before changes were recorded.
        """
        movie = self.get_object(request, unquote(object_id))
        if movie is None:
            missing = cast(Any, self)._get_obj_does_not_exist_redirect(request, self.opts, object_id)
            return cast(HttpResponse, missing)
        if not self.has_view_or_change_permission(request, movie):
            raise PermissionDenied
        changes = list(MovieChange.objects.filter(movie=movie).select_related("user").order_by("-pk")[:MAX_SHOWN])
        shown = [{"change": change, "fields": change_in_words(change)} for change in changes]
        content_type = ContentType.objects.get_for_model(Movie)
        logged = LogEntry.objects.filter(content_type=content_type, object_id=str(movie.pk))
        context = {
            **self.admin_site.each_context(request),
            "title": f"History of {movie}",
            "opts": self.opts,
            "object": movie,
            "shown": shown,
            "logged": logged.select_related("user").order_by("-action_time", "-pk")[:MAX_SHOWN],
            "last": change_to_undo(movie_id=movie.pk) if self.has_change_permission(request, movie) else None,
            **(extra_context or {}),
        }
        response: HttpResponse = render(request, self.object_history_template, context)
        return response

    def undo_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """POST: undoes the change that the history page showed as the last one."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        if not self.has_change_permission(request):
            raise PermissionDenied
        movie = self.get_object(request, unquote(object_id))
        if movie is None:
            missing = cast(Any, self)._get_obj_does_not_exist_redirect(request, self.opts, object_id)
            return cast(HttpResponse, missing)
        seen = request.POST.get("change", "")
        try:
            change_undo(movie_id=movie.pk, change_id=id_typed(seen), user_id=request.user.pk)
        except ValidationError as error:
            for text in error.messages:
                self.message_user(request, f"Not undone. {text}", messages.ERROR)
        else:
            self.log_change(request, movie, "Undid the last change.")
            self.message_user(request, "The last change is undone.", messages.SUCCESS)
        return HttpResponseRedirect(reverse("admin:movies_movie_history", args=[movie.pk]))

    @admin.action(description="Undo the last change of the selected movies", permissions=["change"])
    def undo_selected(self, request: HttpRequest, queryset: QuerySet[Movie]) -> None:
        """Undoes the last change of each movie where that is possible, and says where it is not."""
        chosen = rows_up_to(request, self, queryset.order_by("pk"), limit=MAX_UNDONE)
        if chosen is None:
            return
        undone, refused = 0, []
        for movie in chosen:
            try:
                change_undo(movie_id=movie.pk, user_id=request.user.pk)
            except ValidationError as error:
                refused.append(f"{movie}: {' '.join(error.messages)}")
            else:
                self.log_change(request, movie, "Undid the last change.")
                undone += 1
        self.message_user(request, f"Changes undone: {undone}.", messages.SUCCESS if undone else messages.WARNING)
        for text in refused[:5]:
            self.message_user(request, f"Not undone. {text}", messages.ERROR)
        if len(refused) > 5:
            self.message_user(request, f"Not undone: {len(refused) - 5} more.", messages.ERROR)
