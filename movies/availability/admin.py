"""Availability in the admin: lines on a movie's page, and an action for many movies at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db.models import Model, QuerySet
from django.forms import BaseInlineFormSet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import ngettext
from unfold.widgets import (
    UnfoldAdminRadioSelectWidget,
    UnfoldAdminSelect2MultipleWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminSingleDateWidget,
)

from movies.availability.models import MovieAvailability
from movies.availability.regions import REGIONS
from movies.availability.services import Window, availability_set
from movies.models import Movie
from recsys_project.staff_admin import StaffTabularInline
from recsys_project.staff_admin.confirm import Confirmation, action_fields, confirm_page
from recsys_project.staff_admin.log import rows_log
from recsys_project.staff_admin.selection import rows_up_to

# Movies that one action changes at most, within the time of a request.
MAX_MOVIES = 10_000
# Movies that its page names.
MAX_NAMED = 20
_CHOICES = sorted(((code, f"{name} ({code})") for code, name in REGIONS.items()), key=lambda choice: choice[1])
_KEEP, _REPLACE = "keep", "replace"


def country_field(**options: Any) -> forms.ChoiceField:
    """A choice of one country, by name."""
    choices = [("", "---------"), *_CHOICES]
    return forms.ChoiceField(choices=choices, widget=UnfoldAdminSelectWidget, label="country", **options)


class _LineForm(forms.ModelForm):
    region = country_field()

    class Meta:
        model = MovieAvailability
        fields = ["region", "available_from", "available_to"]


class _Lines(BaseInlineFormSet):
    def clean(self) -> None:
        """Refuses two lines of one country from the same day; Django compares no empty days."""
        super().clean()
        seen = set()
        for form in self.forms:
            cleaned = getattr(form, "cleaned_data", None)
            if not cleaned or cleaned.get("DELETE") or "region" not in cleaned:
                continue
            line = cleaned["region"], cleaned.get("available_from")
            if line in seen:
                raise ValidationError(f"Two lines of {REGIONS[line[0]]} begin on the same day.")
            seen.add(line)


class AvailabilityInline(StaffTabularInline):
    """The movie's windows. Who may change the movie may change them."""

    model = MovieAvailability
    form, formset = _LineForm, _Lines

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return request.user.has_perm("movies.view_movie") or request.user.has_perm("movies.change_movie")

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return request.user.has_perm("movies.change_movie") or request.user.has_perm("movies.add_movie")

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return request.user.has_perm("movies.change_movie")

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return request.user.has_perm("movies.change_movie")


class AvailabilityForm(forms.Form):
    """What the action sets."""

    countries = forms.MultipleChoiceField(
        choices=_CHOICES,
        required=False,
        widget=UnfoldAdminSelect2MultipleWidget,
        help_text="Where the movies are available.",
    )
    available_from = forms.DateField(
        required=False, widget=UnfoldAdminSingleDateWidget, help_text="The first day, in UTC. Empty: since ever."
    )
    available_to = forms.DateField(
        required=False, widget=UnfoldAdminSingleDateWidget, help_text="The last day, in UTC. Empty: without an end."
    )
    others = forms.ChoiceField(
        choices=[
            (_KEEP, "Keep what the movies have for other countries"),
            (_REPLACE, "Replace all lines of the movies; without countries, remove them"),
        ],
        initial=_KEEP,
        widget=UnfoldAdminRadioSelectWidget,
        label="other countries",
    )

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        countries, first, last = (cleaned.get(name) for name in ("countries", "available_from", "available_to"))
        if first and last and first > last:
            self.add_error("available_to", "The last day must not be before the first one.")
        if "countries" in cleaned and not countries and (cleaned.get("others") == _KEEP or first or last):
            self.add_error("countries", "Name the countries.")
        return cleaned

    def windows(self) -> list[Window]:
        """The lines that a valid form describes."""
        first, last = self.cleaned_data["available_from"], self.cleaned_data["available_to"]
        return [Window(code, first, last) for code in self.cleaned_data["countries"]]


@admin.action(description="Set the availability of the selected movies", permissions=["change"])
def set_availability(
    model_admin: admin.ModelAdmin, request: HttpRequest, queryset: QuerySet[Movie]
) -> HttpResponse | None:
    """An action of the list of movies: a page that asks for countries and days, then the change."""
    rows = queryset.order_by("pk").only("pk", "title", "year")
    movies = rows_up_to(request, model_admin, rows, limit=MAX_MOVIES)
    if movies is None:
        return None
    form = AvailabilityForm(request.POST if "apply" in request.POST else None)
    if form.is_bound and form.is_valid():
        keep = form.cleaned_data["others"] == _KEEP
        windows = form.windows()
        ids = [movie.pk for movie in movies]
        try:
            user_id = request.user.pk
            changed = availability_set(movie_ids=ids, windows=windows, keep_other_regions=keep, user_id=user_id)
        except ValidationError as error:  # One was deleted meanwhile.
            model_admin.message_user(request, f"Nothing is changed. {' '.join(error.messages)}", messages.ERROR)
            return None
        beside = " beside other countries" if keep else ""
        rows_log(request, movies, f"Availability: {_said(windows)}{beside}.")
        text = ngettext("The availability of %d movie is set.", "The availability of %d movies is set.", changed)
        model_admin.message_user(request, text % changed, messages.SUCCESS)
        return None
    page = Confirmation(
        title="Set the availability",
        consequences=[_named(movies)],
        act="Set the availability",
        back=reverse("admin:movies_movie_changelist"),
        form_id="set-availability",
        hidden=action_fields(request, "set_availability", apply="1"),
    )
    return confirm_page(request, model_admin, page, form=form)


def _named(movies: Sequence[Movie]) -> str:
    """How many movies, and the first of them by name."""
    first = ", ".join(map(str, movies[:MAX_NAMED]))
    more = f" and {len(movies) - MAX_NAMED:,} more" if len(movies) > MAX_NAMED else ""
    return f"{len(movies):,} movie{'' if len(movies) == 1 else 's'}: {first}{more}."


def _said(windows: list[Window]) -> str:
    if not windows:
        return "no lines"
    days = f"{windows[0].available_from or 'ever'} to {windows[0].available_to or 'ever'}"
    return f"{', '.join(window.region for window in windows)}, {days}"[:1000]
