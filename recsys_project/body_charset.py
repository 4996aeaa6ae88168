"""Refuses request bodies in any charset but UTF-8, before anything reads them."""

import codecs

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

from recsys_project.exceptions import error_response, is_api
from recsys_project.middleware import GetResponse

_STATUS = 415
_MESSAGE = "The request must be encoded in UTF-8; leave charset out of its Content-Type, or set it to utf-8."


class BodyCharsetMiddleware:
    """Refuses a request whose Content-Type names a charset other than UTF-8, which JSON requires (RFC 8259, 8.1).

    Django and REST framework would decode the body, and Django also the query, with any codec that Python has, from
    EBCDIC to UTF-7. A proxy or filter that reads the request as UTF-8 would then see another text.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        charset = (request.content_params or {}).get("charset")
        if charset is None or _is_utf8(charset):
            return self.get_response(request)
        if is_api(request.path_info):
            return error_response(request, _STATUS, message=_MESSAGE)
        return HttpResponse(_MESSAGE, status=_STATUS, content_type="text/plain; charset=utf-8")


def _is_utf8(charset: str) -> bool:
    try:
        return codecs.lookup(charset).name == "utf-8"
    except (LookupError, ValueError):
        return False
