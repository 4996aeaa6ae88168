"""The public catalogue of movies."""

from typing import Any

from django.db.models import QuerySet
from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework import generics
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.public import PublicView
from movies import selectors
from movies.api.expand import ExpandQuerySerializer, expansions_requested
from movies.api.filters import MovieFilterSet
from movies.api.merged import movie_not_found
from movies.api.pagination import ListPagination
from movies.api.serializers import MovieCardSerializer, MovieSerializer
from movies.availability.api import RegionQuerySerializer, available_rows
from movies.availability.selectors import with_availability
from movies.models import Movie


@extend_schema(
    tags=["movies"],
    summary="Search and browse the published movies",
    parameters=[ExpandQuerySerializer, RegionQuerySerializer],
)
class MovieListView(PublicView, generics.ListAPIView):
    """Published movies by title, a page at a time."""

    client_scopes = {"GET": "catalogue:read"}
    serializer_class = MovieCardSerializer
    filterset_class = MovieFilterSet
    pagination_class = ListPagination

    def get_queryset(self) -> QuerySet[Movie]:
        return selectors.movies_published().only("id", "title", "year")

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        expand = expansions_requested(request)
        available = available_rows(self.get_queryset(), request)
        movies = self.paginate_queryset(self.filter_queryset(available)) or []
        return self.get_paginated_response(selectors.cards_listed([movie.pk for movie in movies], expand))


class MovieDetailView(PublicView, generics.RetrieveAPIView):
    """One published movie with its people. 404 if no published movie has this id.

    Of a merged movie the error has the code ``movie_merged`` and names the movie that it was merged into.

    The URL map of the site routes MoviePageView of recommendations, which adds the predicted rating.
    """

    serializer_class = MovieSerializer
    filter_backends: list[type] = []

    def get_queryset(self) -> QuerySet[Movie]:
        return with_availability(selectors.movies_with_details())

    def get_object(self) -> Movie:
        try:
            return super().get_object()
        except Http404 as error:
            raise movie_not_found(self.kwargs["pk"]) from error
