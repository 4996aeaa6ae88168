"""What people may do with their data."""

from typing import Any, cast

from django.http import FileResponse
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiResponse, extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.api.views import MeView
from accounts.models import User
from accounts.privacy import services
from accounts.privacy.api import serializers
from accounts.privacy.export import export_write

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


class ExportView(APIView):
    """Everything stored of the person."""

    @extend_schema(
        operation_id="auth_me_export",
        responses={(200, "application/zip"): OpenApiTypes.BINARY},
        examples=[
            OpenApiExample("The bytes of a zip", value="PK", media_type="application/zip", response_only=True),
        ],
    )
    def get(self, request: Request) -> FileResponse:
        """Everything stored of you, each table as JSON and as CSV, in a zip."""
        user = cast(User, request.user)
        return FileResponse(
            export_write(user=user),
            as_attachment=True,
            filename=f"user-{user.pk}.zip",
            content_type="application/zip",
            headers=_HEADERS,
        )

    def perform_content_negotiation(self, request: Request, force: bool = False) -> Any:
        """Ignores what the client accepts: the answer is a zip, its errors are JSON."""
        return super().perform_content_negotiation(request, force=True)


class ResetView(APIView):
    """The person's taste."""

    @extend_schema(
        operation_id="auth_me_reset",
        request=None,
        responses={204: OpenApiResponse(description="Deleted; you are known as somebody who has done nothing yet.")},
    )
    def post(self, request: Request) -> Response:
        """Deletes your events, ratings, tags and lists. The account stays. Repeating it changes nothing."""
        services.taste_reset(user=cast(User, request.user))
        return Response(status=status.HTTP_204_NO_CONTENT, headers=_HEADERS)
