"""Views for client applications: their users."""

from typing import Any
from urllib.parse import unquote_to_bytes

from django.core.exceptions import ValidationError
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import status
from rest_framework.exceptions import NotFound
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.api.client_serializers import (
    ClientUserExportSerializer,
    ClientUserSerializer,
    ClientUserWriteSerializer,
)
from accounts.api.client_users import WithClientKey
from accounts.clients import users
from accounts.clients.authentication import ClientKeyScheme
from accounts.clients.openapi import EXTERNAL_ID_SCHEMA

_PRIVATE = {"Cache-Control": "private, no-store"}
# A token is refused too, but with 403.
_KEY_ONLY: list[Any] = [{ClientKeyScheme.name: []}]
_EXTERNAL_ID = OpenApiParameter("external_id", EXTERNAL_ID_SCHEMA, "path", description="Your own id of the user.")


class ClientUserView(APIView):
    """One user of the client."""

    permission_classes = (IsAuthenticated, WithClientKey)
    client_scopes = {"PUT": "users:manage", "DELETE": "users:manage"}

    @extend_schema(
        tags=["users"],
        summary="Create or rename a user of yours",
        description="For client applications. The same request again changes nothing.",
        operation_id="users_put",
        parameters=[_EXTERNAL_ID],
        auth=_KEY_ONLY,
        request=ClientUserWriteSerializer,
        responses={
            201: OpenApiResponse(ClientUserSerializer, description="Created."),
            200: OpenApiResponse(ClientUserSerializer, description="There already."),
        },
    )
    def put(self, request: Request, external_id: str) -> Response:
        body = ClientUserWriteSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        user, created = users.client_user_put(
            client_id=request.auth.client_id,  # type: ignore[union-attr]  # WithClientKey holds.
            external_id=_checked(request, external_id),
            display_name=body.validated_data["display_name"],
        )
        answer = ClientUserSerializer(user).data
        return Response(answer, status.HTTP_201_CREATED if created else status.HTTP_200_OK, headers=_PRIVATE)

    @extend_schema(
        tags=["users"],
        summary="Delete a user of yours and everything of theirs",
        description="For client applications. 204 also if there is no such user.",
        operation_id="users_delete",
        parameters=[_EXTERNAL_ID],
        auth=_KEY_ONLY,
        responses={204: OpenApiResponse(description="Deleted, or not there.")},
    )
    def delete(self, request: Request, external_id: str) -> Response:
        users.client_user_delete(client_id=request.auth.client_id, external_id=_checked(request, external_id))  # type: ignore[union-attr]
        return Response(status=status.HTTP_204_NO_CONTENT)


class ClientUserExportView(APIView):
    """Everything that is stored of one user of the client."""

    permission_classes = (IsAuthenticated, WithClientKey)
    client_scopes = {"GET": "users:manage"}

    @extend_schema(
        tags=["users"],
        summary="Everything stored of a user of yours",
        description="For client applications.",
        operation_id="users_export",
        parameters=[_EXTERNAL_ID],
        auth=_KEY_ONLY,
        responses=ClientUserExportSerializer,
    )
    def get(self, request: Request, external_id: str) -> Response:
        client_id: Any = request.auth.client_id  # type: ignore[union-attr]
        user = users.client_user_find(client_id=client_id, external_id=_checked(request, external_id))
        if user is None:
            raise NotFound
        return Response(users.client_user_export(user=user), headers=_PRIVATE)


def _checked(request: Request, external_id: str) -> str:
    """The id of the path, if it can be one. Raises ValidationError."""
    problem = users.external_id_problem(external_id)
    try:
        # Where the path is not UTF-8, Django's has the text %FF for such a byte, which is another id.
        unquote_to_bytes(request.META.get("RAW_URI", "")).decode()
    except UnicodeDecodeError:
        problem = "This is not UTF-8."
    if problem:
        raise ValidationError({"user": problem})
    return external_id
