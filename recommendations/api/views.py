"""Lists for one person and for guests, and the page of a movie."""

from typing import Any

from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.api.client_users import UserQuerySerializer, acting_user, acting_user_if_named
from accounts.api.public import PersonalisedView, PublicView
from accounts.clients.scopes import Scope
from movies.api.pagination import envelope
from movies.api.serializers import MovieSerializer
from movies.api.views import MovieDetailView
from recommendations.api.conditional import IF_NONE_MATCH, NOT_MODIFIED, list_response
from recommendations.api.query import ListQuerySerializer, SessionSerializer, list_query
from recommendations.api.serializers import (
    MoviePageSerializer,
    RecommendationListSerializer,
    SessionListSerializer,
)
from recommendations.serving import services
from recommendations.serving.predicted_ratings import predicted_rating


class RecommendationListView(APIView):
    """The person's own list."""

    client_scopes = {"GET": "recommendations:read"}

    @extend_schema(
        tags=["recommendations"],
        summary="What to watch next",
        description="Takes into account all the person did until now. Without new events the list stays for an hour.",
        parameters=[ListQuerySerializer, IF_NONE_MATCH],
        responses={200: RecommendationListSerializer, 304: NOT_MODIFIED},
    )
    def get(self, request: Request) -> HttpResponse:
        query = list_query(request.META.get("QUERY_STRING", ""))
        body = services.recommendation_list(
            user=acting_user(request),
            request_id=getattr(request, "request_id", ""),
            **query._asdict(),
        )
        # The list comes rendered from the cache.
        if not (query.filters or query.cursor or query.explain or query.expand):
            limit = query.limit or services.default_limit(query.scenario)
            return list_response(body, limit=limit, if_none_match=request.headers.get("If-None-Match", ""))
        # A shared cache on the way must not store it: it is one person's.
        return HttpResponse(body, content_type="application/json", headers={"Cache-Control": "private, no-store"})


class SessionListView(PublicView):
    """A list for a guest, from what they did in this session, which is not stored."""

    client_scopes = {"POST": "recommendations:read"}

    @extend_schema(
        tags=["recommendations"],
        summary="What a guest may like",
        operation_id="recommendations_session",
        request=SessionSerializer,
        responses=SessionListSerializer,
    )
    def post(self, request: Request) -> Response:
        body = SessionSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        source = "events" if body.validated_data.get("events") else "movie_ids"
        answer = services.session_list(
            signals=body.signals(),
            limit=body.validated_data["limit"],
            filters=body.filters(),
            source=source,
            expand=body.validated_data.get("expand", ()),
            client_id=getattr(request.auth, "client_id", None),
            request_id=getattr(request, "request_id", ""),
        )
        return Response(envelope(**answer), headers={"Cache-Control": "no-store"})


@extend_schema(tags=["movies"], summary="Read one published movie", parameters=[UserQuerySerializer])
class MoviePageView(PersonalisedView, MovieDetailView):
    """One published movie with its people and, with a token, your predicted rating of it."""

    serializer_class = MoviePageSerializer
    client_scopes = {"GET": "catalogue:read"}

    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        movie = self.get_object()
        shown = MovieSerializer(movie, context=self.get_serializer_context()).data
        user = acting_user_if_named(request, Scope.RECOMMENDATIONS_READ)
        if user is None:
            return Response({**shown, "predicted_rating": None})
        rating = predicted_rating(user.pk, movie.pk) if user.personalisation else None
        # Shared caches must not store one person's response.
        return Response({**shown, "predicted_rating": rating}, headers={"Cache-Control": "private, no-store"})
