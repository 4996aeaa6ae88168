"""The base class of every view that anyone may ask."""

from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.views import APIView


class PublicView(APIView):
    """A view for everyone, signed in or not; stands before a generic view among the bases.

    It reads no token: an expired one, which a client may send with every request, must not keep anybody out.
    """

    authentication_classes = ()
    permission_classes = (AllowAny,)

    def get_authenticate_header(self, request: Request) -> str:
        """A refusal, as of a wrong password, still asks for a Bearer token, as RFC 6750 has it."""
        return 'Bearer realm="api"'
