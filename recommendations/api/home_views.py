"""The page of rows."""

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.api.client_users import ExternalIdField, acting_user
from movies.api.expand import ExpandQuerySerializer
from movies.api.serializers import MovieCardSerializer
from movies.availability.api import RegionField
from recommendations.api.query import SCENARIO_PATTERN
from recommendations.api.serializers import (
    AssignmentSerializer,
    ReasonSerializer,
    RuleSerializer,
    ScenarioSerializer,
)
from recommendations.curation.config import HOME
from recommendations.home.services import home_page


class HomeQuerySerializer(ExpandQuerySerializer):
    """The query of a page of rows."""

    scenario = serializers.RegexField(
        SCENARIO_PATTERN, default=HOME, max_length=24, help_text="The placement whose rows are shown."
    )
    region = RegionField()
    user = ExternalIdField()


class HomeItemSerializer(serializers.Serializer):
    movie = MovieCardSerializer()
    reason = ReasonSerializer()
    rule = RuleSerializer(required=False, help_text="The rule of staff that put the movie here or moved it.")


class HomeRowSerializer(serializers.Serializer):
    name = serializers.CharField(help_text="Its kind, with the movie, genre or curated row that it is about.")
    kind = serializers.CharField(
        help_text="for_you, continue_watching, because_you_liked, new_for_you, trending, genre or curated."
    )
    title = serializers.CharField(help_text='For people, such as "Because you liked Heat".')
    recommendation_id = serializers.UUIDField(help_text="Send it with the events that this row leads to.")
    items = HomeItemSerializer(many=True)


class HomeSerializer(serializers.Serializer):
    generated_at = serializers.DateTimeField()
    model_version = serializers.IntegerField(allow_null=True)
    user_state = serializers.CharField(help_text="known, new or cold, as of the person's list.")
    experiment = AssignmentSerializer(allow_null=True)
    scenario = ScenarioSerializer()
    rows = HomeRowSerializer(many=True)


class HomeView(APIView):
    """A page of rows for one person."""

    client_scopes = {"GET": "recommendations:read"}

    @extend_schema(
        tags=["recommendations"],
        summary="A page of rows",
        description="Everything a start page shows, in one call. No movie is on it twice.",
        operation_id="home",
        parameters=[HomeQuerySerializer],
        responses=HomeSerializer,
    )
    def get(self, request: Request) -> Response:
        query = HomeQuerySerializer(data=request.query_params)
        query.is_valid(raise_exception=True)
        page = home_page(
            user=acting_user(request),
            scenario=query.validated_data["scenario"],
            region=query.validated_data.get("region", ""),
            request_id=getattr(request, "request_id", ""),
            expand=query.validated_data.get("expand", ()),
        )
        return Response(page, headers={"Cache-Control": "private, no-store"})
