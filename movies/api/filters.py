"""The query parameters that filter the catalogue. An invalid value is an error that names its parameter."""

from typing import Any

import django_filters
from django import forms
from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema_field

from movies.filters import MovieFilter
from movies.models import Genre, Movie

_YEARS = {"min_value": 1, "max_value": 9999}


@extend_schema_field({"type": "integer", "minimum": _YEARS["min_value"], "maximum": _YEARS["max_value"]})
class YearFilter(django_filters.NumberFilter):
    """A whole year; a plain NumberFilter accepts 1995.5."""

    field_class = forms.IntegerField

    def get_max_validator(self) -> Any:
        return None


class ListedChoiceFilter(django_filters.ChoiceFilter):
    """A choice whose error names the choices."""

    def __init__(self, *args: Any, choices: Any, **kwargs: Any) -> None:
        known = ", ".join(str(value) for value, _ in choices)
        messages = {"invalid_choice": f'"%(value)s" is none of {known}.'}
        super().__init__(*args, choices=choices, error_messages=messages, **kwargs)


class MovieFilterSet(django_filters.FilterSet):
    """Declares and validates the parameters; ``MovieFilter`` builds the condition.

    Here ``field_name`` serves only the OpenAPI schema, which takes a parameter's type from the field.
    """

    search = django_filters.CharFilter(max_length=100, label="Part of the title; accents are ignored.")
    genre = django_filters.ModelChoiceFilter(
        field_name="genres", queryset=Genre.objects.all(), to_field_name="slug", label="The slug of a genre."
    )
    year = YearFilter(label="The year of release.", **_YEARS)
    year_from = YearFilter(field_name="year", label="The earliest year of release.", **_YEARS)
    year_to = YearFilter(field_name="year", label="The latest year of release.", **_YEARS)

    class Meta:
        model = Movie
        fields: list[str] = []

    def filter_queryset(self, queryset: QuerySet[Movie]) -> QuerySet[Movie]:
        """The movies of ``queryset`` that pass the valid parameters."""
        given = self.form.cleaned_data
        movie_filter = MovieFilter(
            title=given["search"],
            genre_id=given["genre"].pk if given["genre"] else None,
            year=given["year"],
            year_from=given["year_from"],
            year_to=given["year_to"],
        )
        return queryset.filter(movie_filter.restriction())
