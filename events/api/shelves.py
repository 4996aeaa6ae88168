"""What a person hid, wants to see, and has begun to watch."""

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import generics, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.api.client_users import UserQuerySerializer, acting_user
from events import selectors, services
from events.api.serializers import EventSerializer
from events.kinds import Kind
from events.models import Interaction
from movies.api.expand import ExpandQuerySerializer, expansions_requested
from movies.api.pagination import ListPagination
from movies.availability.api import RegionQuerySerializer, available_rows

_PARAMETERS: list[Any] = [ExpandQuerySerializer, UserQuerySerializer]
_BY_REGION: list[Any] = [*_PARAMETERS, RegionQuerySerializer]


class ShelfView(generics.ListAPIView):
    """The newest event of each movie on one of a person's lists."""

    client_scopes = {"GET": "recommendations:read"}
    serializer_class = EventSerializer
    pagination_class = ListPagination
    queryset = Interaction.objects.none()
    filter_backends: list[Any] = []
    kind: Kind
    # Whether movies that are not available in the request's region are left out.
    by_region = True

    def get_queryset(self) -> QuerySet[Interaction]:
        shelf = selectors.shelf_of(acting_user(self.request), self.kind)
        return available_rows(shelf, self.request, "movie__") if self.by_region else shelf

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        expand = expansions_requested(request)
        events = self.paginate_queryset(self.get_queryset()) or []
        context = {"cards": selectors.event_cards(events, expand)}
        return self.get_paginated_response(EventSerializer(events, many=True, context=context).data)


@extend_schema_view(
    get=extend_schema(
        tags=["events"],
        summary="List what you hid, newest first",
        description="One request to `hidden/{movie_id}/` brings a movie back.",
        parameters=_PARAMETERS,
    )
)
class HiddenView(ShelfView):
    """Movies the person is not interested in."""

    kind = Kind.HIDE
    # It is there to bring movies back.
    by_region = False


@extend_schema_view(
    get=extend_schema(tags=["events"], summary="List your watchlist, newest first", parameters=_BY_REGION)
)
class WatchlistView(ShelfView):
    """Movies the person wants to see."""

    kind = Kind.WATCHLIST


@extend_schema_view(
    get=extend_schema(
        tags=["events"],
        summary="List what you began to watch, newest first",
        description="Each with the newest `progress`. Not those that were watched to the end, judged or hidden later.",
        parameters=_BY_REGION,
    )
)
class BegunView(ShelfView):
    """Movies the person has watched a part of."""

    kind = Kind.PARTIAL


class HiddenMovieView(APIView):
    """A movie the person is not interested in."""

    client_scopes = {"DELETE": "events:write"}

    @extend_schema(
        tags=["events"],
        summary="No longer hide a movie",
        description="Nothing happens if it is not hidden.",
        parameters=[UserQuerySerializer],
        request=None,
        responses={204: None},
    )
    def delete(self, request: Request, movie_id: int) -> Response:
        services.movie_unhide(user=acting_user(request), movie_id=movie_id)
        return Response(status=status.HTTP_204_NO_CONTENT)
