"""Groups: invite, read, accept, and leave."""

import uuid
from collections.abc import Callable
from typing import Any, cast

from django.http import Http404
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.groups import selectors, services
from accounts.groups.api import serializers
from accounts.models import User, WatchGroup

_HEADERS = {"Cache-Control": "private, no-store"}


class GroupsView(APIView):
    """The person's groups."""

    @extend_schema(
        tags=["groups"],
        summary="Your groups and invitations, newest first",
        operation_id="groups_list",
        responses=serializers.WatchGroupListSerializer,
    )
    def get(self, request: Request) -> Response:
        items = selectors.groups_of(user=cast(User, request.user))
        body = serializers.WatchGroupListSerializer({"items": items, "next_cursor": None}).data
        return Response(body, headers=_HEADERS)

    @extend_schema(
        tags=["groups"],
        summary="Invite people to a group",
        description=(
            "Everybody has to accept before lists are made. The answer is the same whether an address has an account."
        ),
        operation_id="groups_create",
        request=serializers.GroupCreateSerializer,
        responses={201: serializers.WatchGroupSerializer},
    )
    def post(self, request: Request) -> Response:
        body = serializers.GroupCreateSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        user = cast(User, request.user)
        group = services.group_create(user=user, emails=body.validated_data["members"])
        return _shown(group, user, status.HTTP_201_CREATED)


class GroupView(APIView):
    """One group of the person."""

    @extend_schema(
        tags=["groups"],
        summary="One of your groups",
        operation_id="groups_read",
        responses=serializers.WatchGroupSerializer,
    )
    def get(self, request: Request, group_id: uuid.UUID) -> Response:
        user = cast(User, request.user)
        return _shown(_found(selectors.group_read, user=user, group_id=group_id), user)

    @extend_schema(
        tags=["groups"],
        summary="Leave a group, or decline the invitation",
        description="Leaving ends the group for everybody, who see that you left. Nobody sees that you declined.",
        operation_id="groups_leave",
        responses={204: OpenApiResponse(description="Done; also for a group that has ended.")},
    )
    def delete(self, request: Request, group_id: uuid.UUID) -> Response:
        _found(services.group_leave, user=cast(User, request.user), group_id=group_id)
        return Response(status=status.HTTP_204_NO_CONTENT, headers=_HEADERS)


class GroupAcceptView(APIView):
    """The answer to an invitation."""

    @extend_schema(
        tags=["groups"],
        summary="Accept the invitation to a group",
        description="Repeating it changes nothing.",
        operation_id="groups_accept",
        request=None,
        responses=serializers.WatchGroupSerializer,
    )
    def post(self, request: Request, group_id: uuid.UUID) -> Response:
        user = cast(User, request.user)
        return _shown(_found(services.group_accept, user=user, group_id=group_id), user)


def _found(call: Callable[..., Any], **arguments: Any) -> Any:
    """The result of the call; 404 for a group that is not one of the person's."""
    try:
        return call(**arguments)
    except WatchGroup.DoesNotExist as error:
        raise Http404 from error


def _shown(group: WatchGroup, user: User, code: int = status.HTTP_200_OK) -> Response:
    body = serializers.WatchGroupSerializer(selectors.group_shown(group=group, user=user)).data
    return Response(body, status=code, headers=_HEADERS)
