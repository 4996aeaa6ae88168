"""Filters of a person's history."""

from typing import Any

import django_filters
from django.db.models import QuerySet

from events.kinds import API_KIND_CHOICES, STORED_AS, Kind
from events.models import MAX_SOURCE_LENGTH, Interaction
from movies.api.filters import ListedChoiceFilter

_BAD_TIME = {"invalid": "A time such as 2026-01-31T20:15:00Z, or a date such as 2026-01-31; UTC without a zone."}


class EventFilter(django_filters.FilterSet):
    kind = ListedChoiceFilter(choices=API_KIND_CHOICES, method="of_kind", label="Only events of this kind.")
    movie = django_filters.NumberFilter(
        field_name="movie_id", min_value=1, max_value=2**63 - 1, decimal_places=0, label="Only events with this movie."
    )
    since = django_filters.IsoDateTimeFilter(
        field_name="occurred_at",
        lookup_expr="gte",
        label="Only events that occurred at this time or later.",
        error_messages=_BAD_TIME,
    )
    until = django_filters.IsoDateTimeFilter(
        field_name="occurred_at",
        lookup_expr="lt",
        label="Only events that occurred before this time.",
        error_messages=_BAD_TIME,
    )
    source = django_filters.CharFilter(max_length=MAX_SOURCE_LENGTH, label="Only events from here.")
    state = ListedChoiceFilter(
        choices=[("active", "Those that count"), ("undone", "Those that were taken back, and what took them back")],
        method="in_state",
        label="Only events that count, or only those that were taken back.",
    )

    class Meta:
        model = Interaction
        fields: list[str] = []

    def of_kind(self, events: QuerySet[Interaction], name: str, value: Any) -> QuerySet[Interaction]:
        return events.filter(kind__in=[kind.value for kind in STORED_AS[Kind(value)]])

    def in_state(self, events: QuerySet[Interaction], name: str, value: Any) -> QuerySet[Interaction]:
        return events.filter(undone_at__isnull=value == "active")
