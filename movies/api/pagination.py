"""Page-number paging, for lists that people leaf through."""

from rest_framework.exceptions import ValidationError
from rest_framework.pagination import PageNumberPagination
from rest_framework.request import Request


def asked_page_size(request: Request, default: int, most: int) -> int:
    """How many rows a page is asked for, 1 to ``most``. Raises ValidationError naming ``page_size``."""
    asked = request.query_params.get("page_size")
    if asked is None:
        return default
    if not (asked.isascii() and asked.isdigit() and len(asked) <= 9 and 1 <= int(asked) <= most):
        raise ValidationError({"page_size": [f"A whole number from 1 to {most}."]})
    return int(asked)


class CataloguePagination(PageNumberPagination):
    """Pages of 20; ``page_size`` asks for more, up to 100. A size that is no such number is an error, not ignored."""

    page_size = 20
    page_size_query_param = "page_size"
    max_page_size = 100

    def get_page_size(self, request: Request) -> int | None:
        return asked_page_size(request, self.page_size, self.max_page_size)
