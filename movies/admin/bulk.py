"""What staff do to many movies at once: publish, hide, tag."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import ngettext
from unfold.widgets import UnfoldAdminSelect2MultipleWidget, UnfoldAdminTextInputWidget

from movies import services
from movies.changes.frozen import movies_frozen
from movies.models import Genre, Movie
from recsys_project.staff_admin.confirm import Confirmation, action_fields, confirm_page
from recsys_project.staff_admin.log import rows_log
from recsys_project.staff_admin.selection import rows_up_to

# Movies changed by one request: more would take longer than a request may.
MAX_SELECTED = 5000


def _genres_field() -> forms.ModelMultipleChoiceField:
    return forms.ModelMultipleChoiceField(
        Genre.objects.all(), required=False, widget=UnfoldAdminSelect2MultipleWidget, help_text="Type to choose."
    )


def _keywords_field() -> forms.CharField:
    return forms.CharField(
        required=False, max_length=2000, widget=UnfoldAdminTextInputWidget, help_text="Separated by commas."
    )


class TagForm(forms.Form):
    """Genres and keywords to add to the selected movies and to remove from them."""

    add_genres = _genres_field()
    remove_genres = _genres_field()
    add_keywords = _keywords_field()
    remove_keywords = _keywords_field()

    def clean_add_keywords(self) -> list[str]:
        """The keywords, split at commas."""
        return self._split("add_keywords")

    def clean_remove_keywords(self) -> list[str]:
        """The keywords, split at commas."""
        return self._split("remove_keywords")

    def _split(self, name: str) -> list[str]:
        return [part for part in self.cleaned_data[name].split(",") if part.strip()]

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if not self.errors and not any(cleaned.values()):
            raise ValidationError("Say what to add or remove.")
        return cleaned


class MovieBulkAdmin(admin.ModelAdmin):
    """Actions on selected movies; each is logged and in the history of every movie that it changes."""

    @admin.action(description="Publish the selected movies", permissions=["change"])
    def publish_selected(self, request: HttpRequest, queryset: QuerySet[Movie]) -> None:
        self._set_status(request, queryset, "published")

    @admin.action(description="Hide the selected movies from the catalogue and every list", permissions=["change"])
    def hide_selected(self, request: HttpRequest, queryset: QuerySet[Movie]) -> None:
        self._set_status(request, queryset, "hidden")

    @admin.action(description="Add or remove genres and keywords of the selected movies", permissions=["change"])
    def tag_selected(self, request: HttpRequest, queryset: QuerySet[Movie]) -> HttpResponse | None:
        """Asks for the genres and keywords, then changes the movies."""
        form = TagForm(request.POST if "apply" in request.POST else None)
        if form.is_valid():
            chosen = rows_up_to(request, self, queryset.order_by().prefetch_related(None), limit=MAX_SELECTED)
            if chosen is None:
                return None
            ids = [movie.pk for movie in chosen]
            try:
                changed = services.movies_tag(movie_ids=ids, user_id=request.user.pk, **form.cleaned_data)
            except ValidationError as error:
                form.add_error(None, error)
            else:
                rows_log(request, self._changeable(request, chosen), "Changed genres or keywords.")
                text = ngettext("%(n)d movie was tagged.", "%(n)d movies were tagged.", changed)
                self.message_user(request, text % {"n": changed}, messages.SUCCESS)
                return None
        count = queryset.order_by()[: MAX_SELECTED + 1].count()
        names = "movie" if count == 1 else "movies"
        page = Confirmation(
            title="Genres and keywords of the selected movies",
            consequences=[f"{count:,} selected {names}. What is not named here stays as it is."],
            act="Change the movies",
            back=reverse("admin:movies_movie_changelist"),
            form_id="tag-form",
            hidden=action_fields(request, "tag_selected", apply="1"),
        )
        return confirm_page(request, self, page, form=form)

    def _set_status(self, request: HttpRequest, queryset: QuerySet[Movie], done: str) -> None:
        chosen = rows_up_to(request, self, queryset.order_by().prefetch_related(None), limit=MAX_SELECTED)
        if chosen is None:
            return
        service = services.movies_publish if done == "published" else services.movies_hide
        changed = service(movie_ids=[movie.pk for movie in chosen], user_id=request.user.pk)
        rows_log(request, self._changeable(request, chosen), f"Set to {done}.")
        text = ngettext("%(n)d movie was %(done)s.", "%(n)d movies were %(done)s.", changed)
        self.message_user(request, text % {"n": changed, "done": done}, messages.SUCCESS)

    def _changeable(self, request: HttpRequest, chosen: list[Movie]) -> list[Movie]:
        """Those of the chosen movies that such an action changes; says which it leaves as they are."""
        frozen = movies_frozen([movie.pk for movie in chosen])
        for text in list(frozen.values())[:5]:
            self.message_user(request, f"Not changed. {text}", messages.WARNING)
        if len(frozen) > 5:
            self.message_user(request, f"Not changed: {len(frozen) - 5} more.", messages.WARNING)
        return [movie for movie in chosen if movie.pk not in frozen]
