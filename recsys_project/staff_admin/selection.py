"""The rows that staff selected for an action: as many as one request handles, or exactly as many as it needs."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest


def rows_up_to(
    request: HttpRequest, model_admin: admin.ModelAdmin, queryset: QuerySet[Any], *, limit: int
) -> list[Any] | None:
    """The selected rows, or values of a ``values_list``; None, with a message, if there are more than ``limit``."""
    chosen = list(queryset[: limit + 1])
    if len(chosen) <= limit:
        return chosen
    names = model_admin.opts.verbose_name_plural
    text = f"Nothing is changed: select at most {limit:,} {names} at once, for example by a filter."
    model_admin.message_user(request, text, messages.ERROR)
    return None


def rows_exactly(
    request: HttpRequest, model_admin: admin.ModelAdmin, queryset: QuerySet[Any], *, count: int
) -> list[Any] | None:
    """The selected rows; None, with a message, if they are not ``count``."""
    chosen = list(queryset[: count + 1])
    if len(chosen) == count:
        return chosen
    names = model_admin.opts.verbose_name if count == 1 else model_admin.opts.verbose_name_plural
    model_admin.message_user(request, f"Nothing is changed: select exactly {count} {names}.", messages.ERROR)
    return None
