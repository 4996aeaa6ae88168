"""The catalogue's query filters; a value that makes no sense is an error that names its parameter."""

from typing import Any

import django_filters
from django import forms
from django.db.models import QuerySet

from movies.models import Genre, Movie
from movies.text import search_key_typed

_YEARS = {"min_value": 1, "max_value": 9999}


class YearFilter(django_filters.NumberFilter):
    """A whole year, where a plain number filter would take 1995.5."""

    field_class = forms.IntegerField

    def get_max_validator(self) -> Any:
        return None


class TitleFilter(django_filters.CharFilter):
    """A part of the title in any case and with or without accents, which the trigram index of the titles answers."""

    def filter(self, qs: QuerySet[Movie], value: str) -> QuerySet[Movie]:
        return super().filter(qs, search_key_typed(value) if value else value)


class MovieFilter(django_filters.FilterSet):
    search = TitleFilter(
        field_name="search_title", lookup_expr="contains", max_length=100, label="Part of the title, accents or not."
    )
    genre = django_filters.ModelChoiceFilter(
        field_name="genres", queryset=Genre.objects.all(), to_field_name="slug", label="A genre, by its slug."
    )
    year = YearFilter(label="Released that year.", **_YEARS)
    year_from = YearFilter(field_name="year", lookup_expr="gte", label="Released that year or later.", **_YEARS)
    year_to = YearFilter(field_name="year", lookup_expr="lte", label="Released that year or earlier.", **_YEARS)

    class Meta:
        model = Movie
        fields: list[str] = []
