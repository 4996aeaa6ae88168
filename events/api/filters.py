"""Filters of a person's history."""

import django_filters

from events.models import Interaction


class EventFilter(django_filters.FilterSet):
    kind = django_filters.ChoiceFilter(choices=Interaction.Kind.choices, label="Only events of this kind.")

    class Meta:
        model = Interaction
        fields: list[str] = []
