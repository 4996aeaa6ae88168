"""Cursor paging, for histories that grow at the top while they are read."""

from typing import Any

from django.utils.dateparse import parse_datetime
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.pagination import CursorPagination
from rest_framework.request import Request

from movies.api.pagination import asked_page_size


class HistoryPagination(CursorPagination):
    """Pages of 50; ``page_size`` asks for 1 to 100. A cursor that this API did not make is an error."""

    page_size = 50
    page_size_query_param = "page_size"
    max_page_size = 100
    ordering = ("-occurred_at", "-id")

    def get_page_size(self, request: Request) -> int | None:
        return asked_page_size(request, self.page_size, self.max_page_size)

    def decode_cursor(self, request: Request) -> Any:
        """The cursor, whose position must be a time: anything else would reach the database as one."""
        try:
            cursor = super().decode_cursor(request)
            valid = cursor is None or cursor.position is None or parse_datetime(str(cursor.position)) is not None
        except (NotFound, ValueError):
            valid = False
        if not valid:
            raise ValidationError({"cursor": ["This is not a cursor of this list."]})
        return cursor
