"""What the person did: send it, and read it back."""

import re
from collections.abc import Collection, Sequence
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from drf_spectacular.utils import (
    OpenApiParameter,
    OpenApiResponse,
    PolymorphicProxySerializer,
    extend_schema,
    extend_schema_view,
)
from rest_framework import generics, status
from rest_framework.exceptions import APIException, NotFound, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.api.client_users import UserQuerySerializer, acting_user
from events import selectors, services
from events.api.batch import batch_record, batch_status
from events.api.filters import EventFilter
from events.api.serializers import EventResultsSerializer, EventSerializer, EventsWriteSerializer
from events.ingest import events_ingest, keyed_event_id
from events.models import Interaction
from events.new_events import NewEvent
from events.taking_back import NoSuchEventError, event_take_back
from movies.api.expand import ExpandQuerySerializer, expansions_requested
from movies.api.pagination import ListPagination

IDEMPOTENCY_KEY = "Idempotency-Key"
MAX_KEY_LENGTH = 255
KEY_PATTERN = "^[!-~]+$"
_KEY = re.compile(f"[!-~]{{1,{MAX_KEY_LENGTH}}}")
StoredSerializer = PolymorphicProxySerializer(
    component_name="EventOrResults",
    serializers=[EventSerializer, EventResultsSerializer],
    resource_type_field_name=None,
)


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
        summary="Record what you did with movies",
        description=(
            "One event, or up to 1,000 in `events`. The next list takes them into account. A repeated event_id is "
            "the same event and is stored once; so is an event sent again under the same `Idempotency-Key`. In a "
            "batch each event is stored or refused by itself."
        ),
        parameters=[
            OpenApiParameter(
                IDEMPOTENCY_KEY,
                {"type": "string", "minLength": 1, "maxLength": MAX_KEY_LENGTH, "pattern": KEY_PATTERN},
                OpenApiParameter.HEADER,
                description="A key of your own for this request: sent again with it, its events are stored once.",
            )
        ],
        request=EventsWriteSerializer,
        responses={
            201: OpenApiResponse(StoredSerializer, description="Stored. With `events`: all of them."),
            200: OpenApiResponse(StoredSerializer, description="Already stored. With `events`: all of them."),
            207: OpenApiResponse(EventResultsSerializer, description="With `events`: `results` says which was stored."),
            409: OpenApiResponse(
                description=(
                    "conflict: this event_id is already stored with other content. "
                    "personalisation_paused: nothing is recorded until you end the pause."
                )
            ),
        },
    )
    def post(self, request: Request) -> Response:
        serializer = EventsWriteSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        fields: dict[str, Any] = dict(serializer.validated_data)
        key = idempotency_key(request)
        if "events" in fields:
            body = batch_record(request, fields["events"], fields.get("user"), key)
            return Response(body, batch_status(body))
        user = acting_user(request, fields.pop("user", None))
        if key is not None:
            if "event_id" in fields:
                raise ValidationError({"event_id": f"Send an event_id or {IDEMPOTENCY_KEY}, not both."})
            fields["event_id"] = keyed_event_id(user_id=user.pk, key=key)
        given = NewEvent(user_id=user.pk, movie_id=fields.pop("movie"), **fields)
        try:
            event, created = services.event_of(events_ingest(events=[given], users={user.pk: user})[0])
        except services.EventConflictError as conflict:
            raise EventConflict from conflict
        return Response(_shown([event])[0], status.HTTP_201_CREATED if created else status.HTTP_200_OK)


class EventView(APIView):
    """One of the person's own events."""

    client_scopes = {"DELETE": "events:write"}

    @extend_schema(
        tags=["events"],
        summary="Take an event back",
        description="It stays in the history as taken back. Nothing happens if it was taken back already.",
        parameters=[UserQuerySerializer],
        request=None,
        responses={204: None},
    )
    def delete(self, request: Request, event_id: UUID) -> Response:
        try:
            event_take_back(user=acting_user(request), event_id=event_id)
        except NoSuchEventError as error:
            raise NotFound from error
        return Response(status=status.HTTP_204_NO_CONTENT)


def idempotency_key(request: Request) -> str | None:
    """The request's Idempotency-Key, if any. Raises ValidationError that names the header."""
    key: str | None = request.headers.get(IDEMPOTENCY_KEY)
    if key is not None and not _KEY.fullmatch(key):
        raise ValidationError({IDEMPOTENCY_KEY: f"From 1 to {MAX_KEY_LENGTH} visible ASCII characters."})
    return key


def _shown(events: Sequence[Interaction], expand: Collection[str] = ()) -> Any:
    context = {"cards": selectors.event_cards(events, expand)}
    return EventSerializer(events, many=True, context=context).data
