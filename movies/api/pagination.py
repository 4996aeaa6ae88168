"""The envelope of every list, and pages by cursor for lists that are read from a table."""

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
# Parameters that change which page is shown, or how, and not which rows there are.
_NOT_CHOOSING = frozenset({"cursor", "page_size", "expand", "format"})
NEXT_CURSOR_HELP = "Ask for the next page with it; null where there is none."


def envelope(items: Sequence[Any], next_cursor: str | None = None, **beside: Any) -> dict[str, Any]:
    """The body of every list: what it says of itself, its items, and the cursor of the next page, None at its end."""
    return {**beside, "items": items, "next_cursor": next_cursor}


class ListPagination(BasePagination):
    """Pages of ``page_size``, 1 to 100, in the queryset's own order, which must be total and end in a unique field.

    A cursor holds the ordered fields of the last row shown, and the next page begins after those: rows that come or go
    meanwhile make it neither repeat nor skip any, however many are alike but for their ids. It is signed, and good for
    the list it came from: one model's, under the same filters.
    """

    page_size = 20

    def paginate_queryset(self, queryset: Any, request: Request, view: APIView | None = None) -> list[Any]:
        """One page of a queryset. Raises ValidationError naming ``page_size`` or ``cursor``."""
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
            "cursor": ({"type": "string"}, "next_cursor of the page before."),
            "page_size": (size, "How many to a page."),
        }
        return [
            {"name": name, "in": "query", "required": False, "description": text, "schema": schema}
            for name, (schema, text) in given.items()
        ]

    def _size(self, request: Request) -> int:
        asked = request.query_params.get("page_size")
        if asked is None:
            return self.page_size
        if not (asked.isascii() and asked.isdigit() and len(asked) <= 9 and 1 <= int(asked) <= MAX_PAGE_SIZE):
            raise ValidationError({"page_size": [f"A whole number from 1 to {MAX_PAGE_SIZE}."]})
        return int(asked)


def _salt(model: type[Model], request: Request) -> str:
    """What a cursor is good for: the rows of one model under one choice of filters and order."""
    chosen = sorted((name, *values) for name, values in request.query_params.lists() if name not in _NOT_CHOOSING)
    return f"cursor.{model._meta.label_lower}.{chosen}"


def _read(text: str, salt: str, fields: Sequence[str]) -> list[Any]:
    """The position in a cursor. Raises ValidationError naming ``cursor`` unless it was given here."""
    try:
        position = signing.loads(text, salt=salt)
    except (signing.BadSignature, ValueError, TypeError) as error:
        raise ValidationError({"cursor": ["This is not a cursor of this list."]}) from error
    # A release that orders otherwise does not know where an older one's cursor stands.
    if not isinstance(position, list) or len(position) != len(fields):
        raise ValidationError({"cursor": ["This is not a cursor of this list."]})
    return position


def _after(model: type[Model], fields: Sequence[str], position: Sequence[Any]) -> Q:
    """What comes after the row of that position, in PostgreSQL's order: rows without a value last, going up."""
    try:
        columns = [(name, cast(Field, model._meta.get_field(name.lstrip("-")))) for name in fields]
        values = [field.to_python(value) for (_, field), value in zip(columns, position, strict=True)]
    except FieldError as error:
        raise ValidationError({"cursor": ["This is not a cursor of this list."]}) from error
    alike, after = Q(), Q(pk__in=[])
    for (name, field), value in zip(columns, values, strict=True):
        bare = name.lstrip("-")
        if value is not None:
            further = Q(**{f"{bare}__lt" if name != bare else f"{bare}__gt": value})
            if field.null and name == bare:
                further |= Q(**{f"{bare}__isnull": True})
            after |= alike & further
        elif name != bare:
            after |= alike & Q(**{f"{bare}__isnull": False})
        alike &= Q(**{bare: value}) if value is not None else Q(**{f"{bare}__isnull": True})
    # The same of the first field alone, so that an index finds where to begin.
    (first, field), value = columns[0], values[0]
    if value is None or field.null:
        return after
    return after & Q(**{f"{first[1:]}__lte" if first.startswith("-") else f"{first}__gte": value})
