"""Headers of every answer: no caching of what belongs to one person, and no use of a browser's features."""

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from recsys_project.middleware import GetResponse


class SecurityHeadersMiddleware:
    """Sets ``Permissions-Policy``, and ``Cache-Control: no-store`` on answers to a token, a key or a cookie.

    A view that sets its own Cache-Control keeps it. The Content-Security-Policy is django-csp's.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        response.headers.setdefault("Permissions-Policy", settings.PERMISSIONS_POLICY)
        if _is_personal(request, response):
            response.headers.setdefault("Cache-Control", "no-store")
        return response


def _is_personal(request: HttpRequest, response: HttpResponseBase) -> bool:
    """Whether a credential came with the request or goes out with the answer.

    Also where the view ignored it: what another caller gets at this address is not known here.
    """
    if "HTTP_AUTHORIZATION" in request.META or response.cookies:
        return True
    session = getattr(request, "session", None)
    return session is not None and session.accessed and not session.is_empty()
