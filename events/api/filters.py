"""Filters of a person's history."""

import django_filters

from events.kinds import API_KIND_CHOICES
from events.models import Interaction


class EventFilter(django_filters.FilterSet):
    kind = django_filters.ChoiceFilter(choices=API_KIND_CHOICES, label="Only events of this kind.")

    class Meta:
        model = Interaction
        fields: list[str] = []
