"""The base classes of all pages of the admin: django-unfold's, with what the project's pages share.

An app may import this package, although it is the project's (see the import contracts): it imports no app. ``keyset``
is for tables of millions of rows, ``log`` and ``selection`` for actions on several rows at once, ``confirm`` for pages
that ask before they act, ``reasons`` for why staff do something, ``lines`` for what a form may claim.
"""

import re
from collections.abc import Callable
from typing import Any

from django.db.models import JSONField, Model
from django.http import HttpRequest
from django.utils.html import conditional_escape
from django.utils.safestring import SafeString
from unfold.admin import ModelAdmin, StackedInline, TabularInline

from recsys_project.staff_admin.lines import lines_check
from recsys_project.staff_admin.widgets import StaffAutocompleteSelect, StaffAutocompleteSelectMultiple

__all__ = [
    "ReadOnlyAdmin",
    "StaffAutocompleteSelect",
    "StaffAutocompleteSelectMultiple",
    "StaffModelAdmin",
    "StaffStackedInline",
    "StaffTabularInline",
]


# Text of the page has its quotes escaped, so only attributes match.
_STYLE = re.compile(r' style="[^"]*"')


def without_styles(html: str) -> SafeString:
    """HTML without its style attributes, which the Content-Security-Policy refuses; other text is escaped."""
    return SafeString(_STYLE.sub("", conditional_escape(html)))  # nosec B703 -- safe or escaped before.


class _StaffForms:
    """What forms of pages and of their inlines share."""

    admin_site: Any
    model: Any

    @property
    def readonly_preprocess_fields(self) -> dict[str, Callable[[str], SafeString]]:
        """By field, what django-unfold passes a value through that cannot be edited: it colours JSON by style
        attributes, where Pygments is installed."""
        return {field.name: without_styles for field in self.model._meta.fields if isinstance(field, JSONField)}

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

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        """Refuses more lines of related rows than a form can have."""
        lines_check(request)
        return super().changeform_view(request, object_id, form_url, extra_context)


class ReadOnlyAdmin(StaffModelAdmin):
    """Rows that only the site writes: nobody adds or edits them here. They are deleted with what they belong to."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Only as part of deleting another object, whose page asks this for every row deleted with it."""
        page = (request.resolver_match and request.resolver_match.url_name) or ""
        own = f"{self.opts.app_label}_{self.opts.model_name}_"
        return not page.startswith(own) and super().has_delete_permission(request, obj)


class StaffTabularInline(_StaffForms, TabularInline):
    """Rows of a related model, in a table."""

    extra = 0


class StaffStackedInline(_StaffForms, StackedInline):
    """Rows of a related model, each a form of its own."""

    extra = 0
