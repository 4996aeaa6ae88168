"""Lists for one person and for guests."""

from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.api.public import PublicView
from movies.api.pagination import envelope
from recommendations.api.query import ListQuerySerializer, SessionSerializer, list_query
from recommendations.api.serializers import (
    RecommendationListSerializer,
    SessionListSerializer,
)
from recommendations.serving import services


class RecommendationListView(APIView):
    """The person's own list."""

    @extend_schema(
        tags=["recommendations"],
        summary="What to watch next",
        description="Takes into account all the person did until now. Without new events the list stays for an hour.",
        parameters=[ListQuerySerializer],
        responses=RecommendationListSerializer,
    )
    def get(self, request: Request) -> HttpResponse:
        query = list_query(request.META.get("QUERY_STRING", ""))
        body = services.recommendation_list(
            user=request.user,  # type: ignore[arg-type]  # IsAuthenticated holds.
            request_id=getattr(request, "request_id", ""),
            **query._asdict(),
        )
        # The list comes rendered from the cache. A shared cache on the way must not store it: it is one person's.
        return HttpResponse(body, content_type="application/json", headers={"Cache-Control": "private, no-store"})


class SessionListView(PublicView):
    """A list for a guest, from what they did in this session. Nothing is stored."""

    @extend_schema(
        tags=["recommendations"],
        summary="What a guest may like",
        operation_id="recommendations_session",
        request=SessionSerializer,
        responses=SessionListSerializer,
        auth=[],
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
        )
        return Response(envelope(**answer), headers={"Cache-Control": "no-store"})
