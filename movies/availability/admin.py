"""Availability in the admin: lines on a movie's page, and an action for many movies at once."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.core.exceptions import ValidationError
from django.db.models import Model, QuerySet
from django.forms import BaseInlineFormSet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
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
from recsys_project.staff_admin.log import rows_log

# Movies that one action changes at most, within the time of a request.
MAX_MOVIES = 10_000
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
    movies = list(queryset.order_by("pk").only("pk", "title", "year")[: MAX_MOVIES + 1])
    if len(movies) > MAX_MOVIES:
        model_admin.message_user(request, f"At most {MAX_MOVIES:,} movies at once.", messages.ERROR)
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
    context = {
        **model_admin.admin_site.each_context(request),
        "title": "Set availability",
        "opts": model_admin.opts,
        "form": form,
        "movies": movies[:20],
        "count": len(movies),
        "more": max(0, len(movies) - 20),
        "selected": request.POST.getlist(ACTION_CHECKBOX_NAME),
        "select_across": request.POST.get("select_across", "0"),
        "checkbox": ACTION_CHECKBOX_NAME,
        "media": model_admin.media + form.media,
    }
    page: HttpResponse = render(request, "admin/movies/set_availability.html", context)
    return page


def _said(windows: list[Window]) -> str:
    if not windows:
        return "no lines"
    days = f"{windows[0].available_from or 'ever'} to {windows[0].available_to or 'ever'}"
    return f"{', '.join(window.region for window in windows)}, {days}"[:1000]
