"""The envelope of every list, and cursor pagination for lists that are read from a table."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

from django.core import signing
from django.core.exceptions import ValidationError as FieldError
from django.db.models import Field, Model, Q
from rest_framework.exceptions import ValidationError
from rest_framework.pagination import BasePagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

MAX_PAGE_SIZE = 100
# Parameters that select the page or its form, but not the rows of the list.
_PAGE_PARAMETERS = frozenset({"cursor", "page_size", "expand", "format"})
NEXT_CURSOR_HELP = "Send it as cursor to get the next page; null on the last page."


def envelope(items: Sequence[Any], next_cursor: str | None = None, **others: Any) -> dict[str, Any]:
    """The body of every list: its other fields, its items, and the cursor of the next page, None on the last page."""
    return {**others, "items": items, "next_cursor": next_cursor}


class ListPagination(BasePagination):
    """Pages of ``page_size``, 1 to 100, in the queryset's own order, which must be total and end in a unique field.

    A cursor contains the ordering fields of the last row shown, and the next page starts after them: rows that are
    added or removed meanwhile cause no repeated and no skipped rows, also among rows that differ only in their ids. It
    is signed, and valid only for the list it came from: the same model and the same filters.
    """

    page_size = 20

    def paginate_queryset(self, queryset: Any, request: Request, view: APIView | None = None) -> list[Any]:
        """One page of a queryset. Raises ValidationError that names ``page_size`` or ``cursor``."""
        size = self._size(request)
        salt = _salt(queryset.model, request)
        fields = [str(name) for name in queryset.query.order_by]
        if "cursor" in request.query_params:
            position = _read(request.query_params["cursor"], salt, fields)
            queryset = queryset.filter(_after(queryset.model, fields, position))
        rows = list(queryset[: size + 1])
        self.next_cursor = None
        if len(rows) > size:
            last = [getattr(rows[size - 1], name.lstrip("-")) for name in fields]
            self.next_cursor = signing.dumps([None if value is None else str(value) for value in last], salt=salt)
        return rows[:size]

    def get_paginated_response(self, data: Any) -> Response:
        return Response(envelope(data, self.next_cursor))

    def get_paginated_response_schema(self, schema: Mapping[str, Any]) -> dict[str, Any]:
        """The envelope, for the OpenAPI schema."""
        cursor = {"type": "string", "nullable": True, "description": NEXT_CURSOR_HELP}
        properties = {"items": schema, "next_cursor": cursor}
        return {"type": "object", "required": list(properties), "properties": properties}

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        """``cursor`` and ``page_size``, for the OpenAPI schema."""
        size = {"type": "integer", "minimum": 1, "maximum": MAX_PAGE_SIZE, "default": self.page_size}
        given = {
            "cursor": ({"type": "string"}, "The next_cursor of the previous page."),
            "page_size": (size, "The number of items per page."),
        }
        return [
            {"name": name, "in": "query", "required": False, "description": text, "schema": schema}
            for name, (schema, text) in given.items()
        ]

    def _size(self, request: Request) -> int:
        text = request.query_params.get("page_size")
        if text is None:
            return self.page_size
        if not (text.isascii() and text.isdigit() and len(text) <= 9 and 1 <= int(text) <= MAX_PAGE_SIZE):
            raise ValidationError({"page_size": [f"A whole number from 1 to {MAX_PAGE_SIZE}."]})
        return int(text)


def _salt(model: type[Model], request: Request) -> str:
    """The list for which a cursor is valid: one model under one set of filters."""
    parameters = sorted(
        (name, *values) for name, values in request.query_params.lists() if name not in _PAGE_PARAMETERS
    )
    return f"cursor.{model._meta.label_lower}.{parameters}"


def _read(text: str, salt: str, fields: Sequence[str]) -> list[Any]:
    """The position in a cursor. Raises ValidationError that names ``cursor`` unless it was issued for this list."""
    try:
        position = signing.loads(text, salt=salt)
    except (signing.BadSignature, ValueError, TypeError) as error:
        raise ValidationError({"cursor": ["This is not a cursor of this list."]}) from error
    # After an upgrade that changes the order, an older cursor has no position in it.
    if not isinstance(position, list) or len(position) != len(fields):
        raise ValidationError({"cursor": ["This is not a cursor of this list."]})
    return position


def _after(model: type[Model], fields: Sequence[str], position: Sequence[Any]) -> Q:
    """The rows after a position, in PostgreSQL's order: NULL comes last in ascending order."""
    try:
        columns = [(name, cast(Field, model._meta.get_field(name.lstrip("-")))) for name in fields]
        values = [field.to_python(value) for (_, field), value in zip(columns, position, strict=True)]
    except (FieldError, TypeError, ValueError, OverflowError) as error:
        raise ValidationError({"cursor": ["This is not a cursor of this list."]}) from error
    equal, after = Q(), Q(pk__in=[])
    for (name, field), value in zip(columns, values, strict=True):
        column = name.lstrip("-")
        if value is not None:
            further = Q(**{f"{column}__lt" if name != column else f"{column}__gt": value})
            if field.null and name == column:
                further |= Q(**{f"{column}__isnull": True})
            after |= equal & further
        elif name != column:
            after |= equal & Q(**{f"{column}__isnull": False})
        equal &= Q(**{column: value}) if value is not None else Q(**{f"{column}__isnull": True})
    # The same condition on the first field alone lets an index find the start of the page.
    (first, field), value = columns[0], values[0]
    if value is None or field.null:
        return after
    return after & Q(**{f"{first[1:]}__lte" if first.startswith("-") else f"{first}__gte": value})
