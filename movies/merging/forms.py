"""The forms of merges: what is merged into what, and why."""

from django import forms
from django.contrib import admin
from django.contrib.admin.widgets import AutocompleteSelect

from movies.merging.models import MovieMerge
from movies.models import Movie
from recsys_project.staff_admin.reasons import ReasonField


def _movie_field(label: str, help_text: str) -> forms.ModelChoiceField:
    return forms.ModelChoiceField(
        Movie.objects.exclude(status=Movie.Status.MERGED).only("pk", "title", "year"),
        label=label,
        help_text=help_text,
        widget=AutocompleteSelect(MovieMerge._meta.get_field("target"), admin.site),
    )


class MergeForm(forms.Form):
    """Two movies."""

    duplicate = _movie_field("The duplicate", "It leaves the catalogue; its ids lead to the other movie.")
    target = _movie_field("The movie that remains", "It keeps its title, and all that it has.")

    def clean(self) -> dict[str, Movie]:
        cleaned: dict[str, Movie] = super().clean() or self.cleaned_data
        if cleaned.get("target") and cleaned.get("target") == cleaned.get("duplicate"):
            raise forms.ValidationError("A movie cannot be merged into itself.")
        return cleaned


class MergeReasonForm(forms.Form):
    """Why."""

    reason = ReasonField()
