"""Conditional requests of a person's list: a client that has the list already gets 304 without a body."""

from django.http import HttpResponse, HttpResponseNotModified
from django.utils.http import parse_etags
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse

IF_NONE_MATCH = OpenApiParameter(
    "If-None-Match",
    str,
    OpenApiParameter.HEADER,
    description="The ETag of the list that you have; for a first page without filters, explain or expand.",
)
NOT_MODIFIED = OpenApiResponse(description="The list that you have is still the one to show.")
_ID_BEGINS = len('{"recommendation_id":"')
_ID_LENGTH = 36


def list_headers(etag: str) -> dict[str, str]:
    """The headers of a person's list. A shared cache on the way must not store it: it is one person's."""
    return {"Cache-Control": "private, no-store", "ETag": etag}


def entity_tag(recommendation_id: str, limit: int) -> str:
    """Weak: the cursor in two answers differs."""
    return f'W/"{recommendation_id}-{limit}"'


def matches(if_none_match: str, etag: str) -> bool:
    """Whether a client's If-None-Match names this entity, by the weak comparison (RFC 9110, 13.1.2)."""
    given = parse_etags(if_none_match)
    return given == ["*"] or any(one.removeprefix("W/") == etag.removeprefix("W/") for one in given)


def list_response(body: bytes, *, limit: int, if_none_match: str) -> HttpResponse:
    """The response with the first page of a list, as rendered; 304 if the client has it."""
    etag = entity_tag(body[_ID_BEGINS : _ID_BEGINS + _ID_LENGTH].decode(), limit)
    if if_none_match and matches(if_none_match, etag):
        return HttpResponseNotModified(headers=list_headers(etag))
    return HttpResponse(body, content_type="application/json", headers=list_headers(etag))
