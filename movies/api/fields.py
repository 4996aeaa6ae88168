"""Serializer fields that all apps share."""

from collections.abc import Mapping, Sized
from typing import Any
from uuid import UUID

from rest_framework import serializers


class BoundedListField(serializers.ListField):
    """A list of at most ``max_length`` items; a longer one is refused before its items are validated.

    REST framework's own field first validates every item, with an error for each.
    """

    def __init__(self, *, max_length: int, **kwargs: Any) -> None:
        super().__init__(max_length=max_length, **kwargs)

    def to_internal_value(self, data: Any) -> list[Any]:
        if isinstance(data, Sized) and not isinstance(data, str | Mapping) and len(data) > (self.max_length or 0):
            self.fail("max_length", max_length=self.max_length)
        return super().to_internal_value(data)


class NumberField(serializers.FloatField):
    """A number. REST framework's own field reads ``true`` as 1."""

    def to_internal_value(self, data: Any) -> float:
        if isinstance(data, bool):
            self.fail("invalid")
        return super().to_internal_value(data)


class UUIDTextField(serializers.UUIDField):
    """A UUID as text. REST framework's own field also reads numbers, and so ``true`` as the first of all UUIDs."""

    def to_internal_value(self, data: Any) -> UUID:
        if not isinstance(data, str | UUID):
            self.fail("invalid", value=data)
        return super().to_internal_value(data)


class ListedChoiceField(serializers.ChoiceField):
    """A choice field whose error names the choices."""

    def __init__(self, choices: Any, **kwargs: Any) -> None:
        super().__init__(choices, **kwargs)
        known = ", ".join(str(choice) for choice in self.choices)
        self.error_messages["invalid_choice"] = f'"{{input}}" is none of {known}.'
