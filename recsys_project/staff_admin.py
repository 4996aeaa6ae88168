"""The base classes of all pages of the admin: django-unfold's, with what the project's pages share.

An app may import this module, although it belongs to the project's package (see the import contracts): it imports no
app.
"""

from unfold.admin import ModelAdmin, StackedInline, TabularInline


class StaffModelAdmin(ModelAdmin):
    """A model's pages. A list keeps its filters in a sheet with one button, so that it stays readable on a phone."""

    compressed_fields = True
    warn_unsaved_form = True
    list_filter_submit = True


class StaffTabularInline(TabularInline):
    """Rows of a related model, in a table."""

    extra = 0


class StaffStackedInline(StackedInline):
    """Rows of a related model, each a form of its own."""

    extra = 0
