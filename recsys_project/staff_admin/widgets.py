"""Choices by autocomplete that take forged values. Imported through the package alone."""

from typing import Any

from django.contrib.admin.widgets import AutocompleteSelect, AutocompleteSelectMultiple
from django.core.exceptions import ValidationError


class _KnownKeys:
    """Leaves out what is no key when a form with errors is shown again; Django's widgets look it up, and crash.

    The form's field has named it by then.
    """

    field: Any

    def optgroups(self, name: str, value: Any, attrs: Any = None) -> Any:
        """The chosen rows."""
        return super().optgroups(name, [one for one in value if self._is_key(one)], attrs)  # type: ignore[misc]

    def _is_key(self, value: Any) -> bool:
        if not value:
            return True
        remote = self.field.remote_field
        key = remote.model._meta.get_field(getattr(remote, "field_name", None) or remote.model._meta.pk.name)
        try:
            key.to_python(value)
        except ValidationError:
            return False
        return "\x00" not in str(value)


class StaffAutocompleteSelect(_KnownKeys, AutocompleteSelect):
    """One row."""


class StaffAutocompleteSelectMultiple(_KnownKeys, AutocompleteSelectMultiple):
    """Several rows."""
