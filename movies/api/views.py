"""The catalogue, open to everyone."""

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import generics
from rest_framework.permissions import AllowAny

from movies import selectors
from movies.api.filters import MovieFilter
from movies.api.pagination import CataloguePagination
from movies.api.serializers import MovieCardSerializer, MovieSerializer
from movies.models import Movie


@extend_schema(tags=["movies"], summary="Search and browse the published movies", auth=[])
class MovieListView(generics.ListAPIView):
    """Published movies by title, a page at a time."""

    # No token is read: an expired one must not keep anybody from the open catalogue.
    authentication_classes: list[type] = []
    permission_classes = [AllowAny]
    serializer_class = MovieCardSerializer
    filterset_class = MovieFilter
    pagination_class = CataloguePagination

    def get_queryset(self) -> QuerySet[Movie]:
        return selectors.movies_published()


@extend_schema(tags=["movies"], summary="Read one published movie", auth=[])
class MovieDetailView(generics.RetrieveAPIView):
    """One published movie with its people. 404 when there is none of that id or it is not published."""

    authentication_classes: list[type] = []
    permission_classes = [AllowAny]
    serializer_class = MovieSerializer
    filter_backends: list[type] = []

    def get_queryset(self) -> QuerySet[Movie]:
        return selectors.movies_with_details()
