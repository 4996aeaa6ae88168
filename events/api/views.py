"""What the person did: send it, and read it back."""

from collections.abc import Collection, Sequence
from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiResponse, extend_schema, extend_schema_view
from rest_framework import generics, status
from rest_framework.exceptions import APIException
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.client_users import UserQuerySerializer, acting_user
from events import selectors, services
from events.api.filters import EventFilter
from events.api.serializers import EventSerializer, EventWriteSerializer
from events.models import Interaction
from movies.api.expand import ExpandQuerySerializer, expansions_requested
from movies.api.pagination import ListPagination


class EventConflict(APIException):
    status_code = status.HTTP_409_CONFLICT
    default_detail = "This event_id is already stored with other content."
    default_code = "conflict"


@extend_schema_view(
    get=extend_schema(
        tags=["events"],
        summary="Read your own history, newest first",
        description="A movie that is no longer published has only its title.",
        parameters=[ExpandQuerySerializer, UserQuerySerializer],
    )
)
class EventListView(generics.ListAPIView):
    """The person's own events."""

    client_scopes = {"GET": "recommendations:read", "POST": "events:write"}
    serializer_class = EventSerializer
    filterset_class = EventFilter
    pagination_class = ListPagination
    # The schema generator reads the model from here; requests use get_queryset.
    queryset = Interaction.objects.none()

    def get_queryset(self) -> QuerySet[Interaction]:
        return selectors.events_of(acting_user(self.request))

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        expand = expansions_requested(request)
        events = self.paginate_queryset(self.filter_queryset(self.get_queryset())) or []
        return self.get_paginated_response(_shown(events, expand))

    @extend_schema(
        tags=["events"],
        summary="Record what you did with a movie",
        description="The next list takes it into account. A repeated event_id is the same event and is stored once.",
        request=EventWriteSerializer,
        responses={
            201: OpenApiResponse(EventSerializer, description="Stored."),
            200: OpenApiResponse(EventSerializer, description="Already stored."),
            409: OpenApiResponse(
                description=(
                    "conflict: this event_id is already stored with other content. "
                    "personalisation_paused: nothing is recorded until you end the pause."
                )
            ),
        },
    )
    def post(self, request: Request) -> Response:
        serializer = EventWriteSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        fields: dict[str, Any] = dict(serializer.validated_data)
        try:
            event, created = services.interaction_record(
                user=acting_user(request, fields.pop("user", None)),
                movie_id=fields.pop("movie"),
                **fields,
            )
        except services.EventConflictError as conflict:
            raise EventConflict from conflict
        return Response(_shown([event])[0], status.HTTP_201_CREATED if created else status.HTTP_200_OK)


def _shown(events: Sequence[Interaction], expand: Collection[str] = ()) -> Any:
    context = {"cards": selectors.event_cards(events, expand)}
    return EventSerializer(events, many=True, context=context).data
