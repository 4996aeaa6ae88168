"""Requests and answers of the recommendation endpoints. Services make the answers; they are declared for the OpenAPI
schema."""

from rest_framework import serializers

from events.kinds import KIND_TABLE
from movies.api.expand import ExpandQuerySerializer
from movies.api.serializers import EnvelopeSerializer, MovieCardSerializer, MovieSerializer
from movies.availability.api import RegionField
from recommendations.algorithms.listing.blending import LIST_SIZE, SOURCES
from recommendations.retrieval import notices

# The codes of the reasons that name one event of the person.
_SIGNAL_REASONS = list(
    dict.fromkeys(row.reason.code for row in sorted(KIND_TABLE.values(), key=lambda row: row.code) if row.reason)
)


class LimitSerializer(ExpandQuerySerializer):
    """The query of a list."""

    limit = serializers.IntegerField(min_value=1, max_value=LIST_SIZE, default=20, help_text="The number of movies.")
    region = RegionField()


class GenreQuerySerializer(LimitSerializer):
    """The query of a list that may be restricted to one genre."""

    genre = serializers.CharField(
        max_length=40, required=False, help_text="The slug of a genre; only its movies are listed."
    )


class SourcesSerializer(serializers.Serializer):
    """The share of each source in the score; the shares sum to 1."""

    def get_fields(self) -> dict[str, serializers.Field]:
        """One field for each source of the blend, and the mood."""
        sources: dict[str, serializers.Field] = {name: serializers.FloatField() for name in SOURCES}
        return sources | {"mood": serializers.FloatField(required=False, help_text="Only in a list with a mood.")}


class ReasonSerializer(serializers.Serializer):
    code = serializers.ChoiceField(
        choices=[*_SIGNAL_REASONS, "taste", "popular", "popular_in_genre", "new", "curated", "continue", "trending"]
    )
    text = serializers.CharField(help_text='For people, such as "Because you liked Heat".')
    movie_id = serializers.IntegerField(required=False, help_text="The id of the movie that the text names.")
    genre = serializers.CharField(required=False, help_text="The slug of the genre that the text names.")


class RuleSerializer(serializers.Serializer):
    id = serializers.IntegerField()
    kind = serializers.CharField(help_text="pin, boost, damp or row.")


class ScenarioSerializer(serializers.Serializer):
    name = serializers.CharField()
    version = serializers.IntegerField(allow_null=True, help_text="Null where nothing was published for it.")


class RecommendedSerializer(serializers.Serializer):
    movie = MovieCardSerializer()
    score = serializers.FloatField(
        help_text="From 0 to 1. Falls along the list, except where diversity or a new movie changes the order."
    )
    sources = SourcesSerializer()
    reason = ReasonSerializer()
    predicted_rating = serializers.FloatField(
        allow_null=True,
        help_text="The rating that you would probably give, on the scale of the ratings; null if unknown.",
    )
    explored = serializers.BooleanField(
        required=False, help_text="True if the movie has one of the places for new movies."
    )
    rule = RuleSerializer(required=False, help_text="The rule of staff that put the movie here or moved it.")


class MoviePageSerializer(MovieSerializer):
    predicted_rating = serializers.FloatField(
        allow_null=True,
        help_text="Your predicted rating of it, with a token; null for guests and while you have no ratings.",
    )


class NoticeSerializer(serializers.Serializer):
    code = serializers.ChoiceField(choices=list(notices.TEXTS))
    text = serializers.CharField(help_text="A text for people.")


class AssignmentSerializer(serializers.Serializer):
    name = serializers.CharField(help_text="The experiment.")
    arm = serializers.CharField(help_text="The person's arm.")


class RecommendationListSerializer(EnvelopeSerializer):
    recommendation_id = serializers.UUIDField(help_text="Send it with the events that this list leads to.")
    generated_at = serializers.DateTimeField()
    model_version = serializers.IntegerField(
        allow_null=True, help_text="The number of the live model version; null if there is none."
    )
    user_state = serializers.ChoiceField(
        choices=[
            ("known", "the nightly model has a list for this person"),
            ("new", "has events, but no nightly list yet"),
            ("cold", "has no events yet"),
        ]
    )
    notices = NoticeSerializer(many=True, help_text="What was requested but could not be done; usually empty.")
    experiment = AssignmentSerializer(
        allow_null=True, help_text="The experiment that the list belongs to; null outside experiments."
    )
    scenario = ScenarioSerializer(help_text="The placement whose configuration made the list.")
    items = RecommendedSerializer(many=True)
    explanation = serializers.DictField(required=False, help_text="Only with explain=true: how the list was computed.")


class SessionListSerializer(EnvelopeSerializer):
    recommendation_id = serializers.UUIDField(help_text="The list's id in the log of served lists.")
    model_version = serializers.IntegerField(allow_null=True)
    user_state = serializers.ChoiceField(choices=["new", "cold"])
    notices = NoticeSerializer(many=True, help_text="What was requested but could not be done; usually empty.")
    items = RecommendedSerializer(many=True)


class GroupReasonSerializer(serializers.Serializer):
    code = serializers.ChoiceField(choices=["suits_all", "suits_most", "suits_some", "popular"])
    text = serializers.CharField(help_text='For people, such as "Suits all of you".')


class GroupItemSerializer(serializers.Serializer):
    movie = MovieCardSerializer()
    reason = GroupReasonSerializer()


class GroupListSerializer(EnvelopeSerializer):
    recommendation_id = serializers.UUIDField(help_text="Send it with the events that this list leads to.")
    generated_at = serializers.DateTimeField(help_text="When the list was computed; it stays for a day.")
    model_version = serializers.IntegerField(allow_null=True)
    strategy = serializers.CharField()
    group = serializers.UUIDField()
    members = serializers.ListField(child=serializers.EmailField(), help_text="Everybody in the group, you among them.")
    items = GroupItemSerializer(many=True)


class PopularSerializer(serializers.Serializer):
    movie = MovieCardSerializer()
    score = serializers.FloatField(help_text="Only comparable within this list.")
    rank = serializers.IntegerField()


class PopularListSerializer(EnvelopeSerializer):
    items = PopularSerializer(many=True)


class SimilarSerializer(serializers.Serializer):
    movie = MovieCardSerializer()
    score = serializers.FloatField(help_text="From 0 to 1.")


class SimilarListSerializer(EnvelopeSerializer):
    items = SimilarSerializer(many=True)
