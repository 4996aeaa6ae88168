"""The base classes of every view that anyone may ask."""

from collections.abc import Sequence

from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.views import APIView

from accounts.authentication import AccessTokenAuthentication
from accounts.clients.authentication import ClientKeyAuthentication, InvalidKeyError


class PublicView(APIView):
    """A view for everyone, signed in or not; stands before a generic view among the bases.

    It reads no token: an expired one, which a client may send with every request, must not keep anybody out. A key of a
    client application is checked where the view names a scope in ``client_scopes``, and ignored elsewhere.
    """

    authentication_classes: Sequence[type[BaseAuthentication]] = ()
    permission_classes = (AllowAny,)

    def get_authenticators(self) -> list[BaseAuthentication]:
        keys = [ClientKeyAuthentication()] if hasattr(self, "client_scopes") else []
        return [*super().get_authenticators(), *keys]

    def get_authenticate_header(self, request: Request) -> str:
        """A refusal, as of a wrong password, still asks for a Bearer token, as RFC 6750 has it."""
        return 'Bearer realm="api"'


class PersonalisedView(PublicView):
    """A view for everyone that shows more to signed-in people.

    A token that is invalid, or whose user is inactive, counts as none.
    """

    authentication_classes = (AccessTokenAuthentication,)

    def perform_authentication(self, request: Request) -> None:
        # After a failure ``request.user`` is anonymous.
        try:
            super().perform_authentication(request)
        except InvalidKeyError:
            raise
        except AuthenticationFailed:
            pass
