"""The choices of the preview pages."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest

from accounts.models import User
from movies.models import Movie
from recommendations.curation.active import curation_now
from recommendations.curation.config import HOME
from recommendations.models import BatchRecommendation, ModelVersion, PopularMovie
from recommendations.retrieval.database_state import catalogue_token
from recommendations.training.comparison import rankable_versions
from recsys_project.staff_admin import StaffAutocompleteSelect


def person_field(request: HttpRequest) -> forms.ModelChoiceField:
    """A person by autocomplete, or, for staff who may not view people, by id."""
    may_view = request.user.has_perm("accounts.view_user")
    return forms.ModelChoiceField(
        User.objects.all(),
        label="Person",
        widget=_autocomplete(BatchRecommendation, "user") if may_view else forms.NumberInput,
        help_text="" if may_view else "The id of a person.",
        error_messages={"invalid_choice": "There is no person of this id."},
    )


def movie_field() -> forms.ModelChoiceField:
    """A movie by autocomplete."""
    return forms.ModelChoiceField(
        Movie.objects.all(),
        label="Movie",
        widget=_autocomplete(PopularMovie, "movie"),
        error_messages={"invalid_choice": "There is no movie of this id."},
    )


def _autocomplete(model: type[Model], name: str) -> forms.Widget:
    return StaffAutocompleteSelect(model._meta.get_field(name), admin.site)


class ListForm(forms.Form):
    """Whose list, and where: a scenario that is live, or "home"."""

    scenario = forms.ChoiceField(label="Scenario", initial=HOME, required=False)

    def __init__(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        catalogue_token()
        names = [HOME, *sorted(set(curation_now().scenarios) - {HOME})]
        self.fields["scenario"].choices = [(name, name) for name in names]  # type: ignore[attr-defined]
        self.fields = {"user": person_field(request), **self.fields}

    def clean_scenario(self) -> str:
        """Without one: home."""
        return self.cleaned_data["scenario"] or HOME


class PersonListForm(ListForm):
    """The same, and perhaps another model version to compare with the live one."""

    model = forms.TypedChoiceField(label="Compare with", required=False, coerce=int, empty_value=None)

    def __init__(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        super().__init__(request, *args, **kwargs)
        others = [row for row in rankable_versions() if row.status != ModelVersion.Status.LIVE]
        choices = [("", "nothing"), *((str(row.pk), f"version {row.pk} ({row.status})") for row in others)]
        self.fields["model"].choices = choices  # type: ignore[attr-defined]
        self.fields["model"].help_text = "Only versions that still have their lists and vectors."


class MovieForm(forms.Form):
    """Which movie."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # Not declared: the widget reads the site's pages, which are complete only now.
        self.fields["movie"] = movie_field()
