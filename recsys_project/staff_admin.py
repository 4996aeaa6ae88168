"""The base classes of all pages of the admin: django-unfold's, with what the project's pages share.

An app may import this module, although it belongs to the project's package (see the import contracts): it imports no
app.
"""

from typing import Any

from django.http import HttpRequest
from unfold.admin import ModelAdmin, StackedInline, TabularInline

from recsys_project.staff_widgets import StaffAutocompleteSelect, StaffAutocompleteSelectMultiple

__all__ = [
    "StaffAutocompleteSelect",
    "StaffAutocompleteSelectMultiple",
    "StaffModelAdmin",
    "StaffStackedInline",
    "StaffTabularInline",
]


class _StaffForms:
    """What forms of pages and of their inlines share."""

    admin_site: Any

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Django's autocomplete crashes on a forged key; this one does not."""
        if db_field.name in self.get_autocomplete_fields(request) and "widget" not in kwargs:  # type: ignore[attr-defined]
            kwargs["widget"] = StaffAutocompleteSelect(db_field, self.admin_site, using=kwargs.get("using"))
        return super().formfield_for_foreignkey(db_field, request, **kwargs)  # type: ignore[misc]

    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """The same for several."""
        if db_field.name in self.get_autocomplete_fields(request) and "widget" not in kwargs:  # type: ignore[attr-defined]
            kwargs["widget"] = StaffAutocompleteSelectMultiple(db_field, self.admin_site, using=kwargs.get("using"))
        return super().formfield_for_manytomany(db_field, request, **kwargs)  # type: ignore[misc]


class StaffModelAdmin(_StaffForms, ModelAdmin):
    """A model's pages. A list keeps its filters in a sheet with one button, so that it stays readable on a phone."""

    compressed_fields = True
    warn_unsaved_form = True
    list_filter_submit = True


class StaffTabularInline(_StaffForms, TabularInline):
    """Rows of a related model, in a table."""

    extra = 0


class StaffStackedInline(_StaffForms, StackedInline):
    """Rows of a related model, each a form of its own."""

    extra = 0
