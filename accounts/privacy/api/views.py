"""What people may do with their data."""

from typing import Any, cast

from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.views import MeView
from accounts.models import User
from accounts.privacy import services
from accounts.privacy.api import serializers

_HEADERS = {"Cache-Control": "no-store"}


class DeleteWithBodySchema(AutoSchema):
    """Documents the body of a DELETE, which drf-spectacular leaves out, so that unknown fields are refused."""

    def _get_request_body(self, direction: Any = "request") -> Any:
        method, self.method = self.method, "POST"
        try:
            return super()._get_request_body(direction)
        finally:
            self.method = method


class AccountView(MeView):
    """The profile, and the deletion of the account."""

    def delete(self, request: Request) -> Response:
        """Deletes the account with everything stored of the person."""
        body = serializers.AccountDeleteSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        services.account_delete(user=cast(User, request.user), password=body.validated_data["password"])
        return Response(status=status.HTTP_204_NO_CONTENT, headers=_HEADERS)

    delete.schema = DeleteWithBodySchema  # type: ignore[attr-defined]  # extend_schema builds on it.
    delete = extend_schema(
        operation_id="auth_me_delete",
        request=serializers.AccountDeleteSerializer,
        responses={204: OpenApiResponse(description="Deleted; no token is valid any more.")},
    )(delete)
