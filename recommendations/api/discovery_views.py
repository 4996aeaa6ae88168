"""Search, trending and latest movies, and the genres, all public.

The site's URL map adds the search under ``/api/movies/`` and the genres under ``/api/genres/``.
"""

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.public import PublicView
from movies.api.pagination import envelope
from recommendations.api.discovery_serializers import (
    GenreListSerializer,
    LatestListSerializer,
    SearchListSerializer,
    SearchQuerySerializer,
    TrendingListSerializer,
)
from recommendations.api.serializers import GenreQuerySerializer
from recommendations.discovery.genres import genre_list
from recommendations.discovery.latest import latest_list
from recommendations.discovery.search import search_list
from recommendations.discovery.trending import trending_list


class SearchView(PublicView):
    """Movies that match a typed query."""

    @extend_schema(
        tags=["movies"],
        summary="Search by title, name or meaning",
        description="Finds titles and names with typing errors, words of the texts, and what the query is about.",
        operation_id="movies_search",
        parameters=[SearchQuerySerializer],
        responses=SearchListSerializer,
        auth=[],
    )
    def get(self, request: Request) -> Response:
        query = SearchQuerySerializer(data=request.query_params)
        query.is_valid(raise_exception=True)
        return Response(envelope(**search_list(**query.validated_data)))


class TrendingListView(PublicView):
    """Movies that more people than usual voted for recently."""

    @extend_schema(
        tags=["recommendations"],
        summary="What is trending",
        parameters=[GenreQuerySerializer],
        responses=TrendingListSerializer,
        auth=[],
    )
    def get(self, request: Request) -> Response:
        query = GenreQuerySerializer(data=request.query_params)
        query.is_valid(raise_exception=True)
        return Response(envelope(**trending_list(**query.validated_data)))


class LatestListView(PublicView):
    """Movies that were added to the catalogue last."""

    @extend_schema(
        tags=["recommendations"],
        summary="What is new in the catalogue",
        parameters=[GenreQuerySerializer],
        responses=LatestListSerializer,
        auth=[],
    )
    def get(self, request: Request) -> Response:
        query = GenreQuerySerializer(data=request.query_params)
        query.is_valid(raise_exception=True)
        return Response(envelope(latest_list(**query.validated_data)))


class GenreListView(PublicView):
    """All genres."""

    @extend_schema(tags=["movies"], summary="The genres", responses=GenreListSerializer, auth=[])
    def get(self, request: Request) -> Response:
        return Response(envelope(genre_list()))
