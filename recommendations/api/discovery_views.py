"""Lists that are the same for everyone, all public: popular, trending, latest, similar and found movies; the genres.

The site's URL map adds search and similar movies under ``/api/movies/`` and the genres under ``/api/genres/``.
"""

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.public import PublicView
from movies.api.merged import movie_not_found
from movies.api.pagination import envelope
from movies.models import Movie
from recommendations.api.discovery_serializers import (
    GenreListSerializer,
    LatestListSerializer,
    SearchListSerializer,
    SearchQuerySerializer,
    TrendingListSerializer,
)
from recommendations.api.serializers import (
    GenreQuerySerializer,
    LimitSerializer,
    PopularListSerializer,
    SimilarListSerializer,
)
from recommendations.discovery.genres import genre_list
from recommendations.discovery.latest import latest_list
from recommendations.discovery.popular import popular_list
from recommendations.discovery.search import search_list
from recommendations.discovery.similar import similar_list
from recommendations.discovery.trending import trending_list


class PopularListView(PublicView):
    """Movies that are popular with everyone now."""

    client_scopes = {"GET": "catalogue:read"}

    @extend_schema(
        tags=["recommendations"],
        summary="What is popular now",
        parameters=[GenreQuerySerializer],
        responses=PopularListSerializer,
    )
    def get(self, request: Request) -> Response:
        query = GenreQuerySerializer(data=request.query_params)
        query.is_valid(raise_exception=True)
        return Response(envelope(popular_list(**query.validated_data)))


class SimilarListView(PublicView):
    """Movies similar to one movie."""

    client_scopes = {"GET": "catalogue:read"}

    @extend_schema(
        tags=["movies"],
        summary="Movies like this one",
        operation_id="movies_similar",
        parameters=[LimitSerializer],
        responses=SimilarListSerializer,
    )
    def get(self, request: Request, movie_id: int) -> Response:
        query = LimitSerializer(data=request.query_params)
        query.is_valid(raise_exception=True)
        try:
            items = similar_list(movie_id=movie_id, **query.validated_data)
        except Movie.DoesNotExist as error:
            raise movie_not_found(movie_id) from error
        return Response(envelope(items))


class SearchView(PublicView):
    """Movies that match a typed query."""

    client_scopes = {"GET": "catalogue:read"}

    @extend_schema(
        tags=["movies"],
        summary="Search by title, name or meaning",
        description="Searches titles and names, typing errors allowed, the words of the texts, and their meaning.",
        operation_id="movies_search",
        parameters=[SearchQuerySerializer],
        responses=SearchListSerializer,
    )
    def get(self, request: Request) -> Response:
        query = SearchQuerySerializer(data=request.query_params)
        query.is_valid(raise_exception=True)
        return Response(envelope(**search_list(**query.validated_data)))


class TrendingListView(PublicView):
    """Movies that more people than usual voted for recently."""

    client_scopes = {"GET": "catalogue:read"}

    @extend_schema(
        tags=["recommendations"],
        summary="What is trending",
        parameters=[GenreQuerySerializer],
        responses=TrendingListSerializer,
    )
    def get(self, request: Request) -> Response:
        query = GenreQuerySerializer(data=request.query_params)
        query.is_valid(raise_exception=True)
        return Response(envelope(**trending_list(**query.validated_data)))


class LatestListView(PublicView):
    """The movies that were added to the catalogue last."""

    client_scopes = {"GET": "catalogue:read"}

    @extend_schema(
        tags=["recommendations"],
        summary="What is new in the catalogue",
        parameters=[GenreQuerySerializer],
        responses=LatestListSerializer,
    )
    def get(self, request: Request) -> Response:
        query = GenreQuerySerializer(data=request.query_params)
        query.is_valid(raise_exception=True)
        return Response(envelope(latest_list(**query.validated_data)))


class GenreListView(PublicView):
    """All genres with their numbers of movies."""

    client_scopes = {"GET": "catalogue:read"}

    @extend_schema(tags=["movies"], summary="The genres", responses=GenreListSerializer)
    def get(self, request: Request) -> Response:
        return Response(envelope(genre_list()))
