"""Orders movies that the caller chose."""

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.api.client_users import ExternalIdField, acting_user
from movies.api.fields import BoundedListField
from movies.api.pagination import envelope
from movies.api.serializers import EnvelopeSerializer
from movies.availability.api import RegionField
from recommendations.serving.rank_movies import MAX_RANKED, rank_movies


class RankSerializer(serializers.Serializer):
    """The movies to order."""

    movie_ids = BoundedListField(
        child=serializers.IntegerField(min_value=1, max_value=2**31 - 1),
        allow_empty=False,
        min_length=1,  # For the schema, which does not know allow_empty.
        max_length=MAX_RANKED,
        help_text="Ids of movies, in any order; one that is there twice counts once.",
    )
    region = RegionField()
    user = ExternalIdField()


class RankedMovieSerializer(serializers.Serializer):
    movie_id = serializers.IntegerField()
    score = serializers.FloatField(help_text="From 0 to 1. Falls along the list.")
    predicted_rating = serializers.FloatField(
        allow_null=True, help_text="The rating that the person would probably give; null if unknown."
    )


class RankedListSerializer(EnvelopeSerializer):
    recommendation_id = serializers.UUIDField(help_text="Send it with the events that this list leads to.")
    generated_at = serializers.DateTimeField()
    model_version = serializers.IntegerField(allow_null=True)
    items = RankedMovieSerializer(many=True, help_text="Best first.")
    unknown = serializers.ListField(
        child=serializers.IntegerField(), help_text="The ids that no published movie has; they are not in the list."
    )
    unavailable = serializers.ListField(
        child=serializers.IntegerField(),
        help_text="The ids of movies that are not available in the region; they are not in the list.",
    )


class RankView(APIView):
    """The caller's own choice of movies, in the order that suits the person."""

    client_scopes = {"POST": "recommendations:read"}

    @extend_schema(
        tags=["recommendations"],
        summary="Order movies of your choice",
        description="Orders 1 to 1,000 movies as the person's list would, those they have seen too.",
        operation_id="rank",
        request=RankSerializer,
        responses={200: RankedListSerializer},
    )
    def post(self, request: Request) -> Response:
        body = RankSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        answer = rank_movies(
            user=acting_user(request, body.validated_data.get("user")),
            movie_ids=body.validated_data["movie_ids"],
            region=body.validated_data.get("region", ""),
            request_id=getattr(request, "request_id", ""),
        )
        return Response(envelope(**answer), headers={"Cache-Control": "private, no-store"})
