"""Requests and answers of the recommendation endpoints. Services make the answers; they are declared for the OpenAPI
schema."""

from rest_framework import serializers

from events.kinds import KIND_TABLE
from movies.api.expand import ExpandQuerySerializer
from movies.api.serializers import EnvelopeSerializer, MovieCardSerializer
from recommendations.algorithms.listing.blending import LIST_SIZE, SOURCES
from recommendations.retrieval import notices

# The codes of the reasons that name one event of the person.
_SIGNAL_REASONS = list(
    dict.fromkeys(row.reason.code for row in sorted(KIND_TABLE.values(), key=lambda row: row.code) if row.reason)
)


class LimitSerializer(ExpandQuerySerializer):
    """The query of a list."""

    limit = serializers.IntegerField(min_value=1, max_value=LIST_SIZE, default=20, help_text="How many movies.")


class GenreQuerySerializer(LimitSerializer):
    """The query of a list that may be restricted to one genre."""

    genre = serializers.CharField(max_length=40, required=False, help_text="Only this genre, by its slug.")


class SourcesSerializer(serializers.Serializer):
    """How much of the score each source gave; they sum to 1."""

    def get_fields(self) -> dict[str, serializers.Field]:
        """One field for each source of the blend, and the mood."""
        sources: dict[str, serializers.Field] = {name: serializers.FloatField() for name in SOURCES}
        return sources | {"mood": serializers.FloatField(required=False, help_text="Where a mood was asked for.")}


class ReasonSerializer(serializers.Serializer):
    code = serializers.ChoiceField(choices=[*_SIGNAL_REASONS, "taste", "popular", "popular_in_genre", "new"])
    text = serializers.CharField(help_text='As in "Because you liked Heat".')
    movie_id = serializers.IntegerField(required=False, help_text="The movie the text names.")
    genre = serializers.CharField(required=False, help_text="The slug of the genre the text names.")


class RecommendedSerializer(serializers.Serializer):
    movie = MovieCardSerializer()
    score = serializers.FloatField(
        help_text="From 0 to 1; falls along the list but for some variety and new movies at its top."
    )
    sources = SourcesSerializer()
    reason = ReasonSerializer()
    predicted_rating = serializers.FloatField(
        allow_null=True,
        help_text="What you would probably give it, on the scale of the ratings; null where nothing tells.",
    )
    explored = serializers.BooleanField(required=False, help_text="True where it has its place for being new.")


class NoticeSerializer(serializers.Serializer):
    code = serializers.ChoiceField(choices=list(notices.TEXTS))
    text = serializers.CharField(help_text="The same for people.")


class RecommendationListSerializer(EnvelopeSerializer):
    recommendation_id = serializers.UUIDField(help_text="Send it with the events this list leads to.")
    generated_at = serializers.DateTimeField()
    model_version = serializers.IntegerField(allow_null=True, help_text="The live model; null when there is none.")
    user_state = serializers.ChoiceField(
        choices=[
            ("known", "known to the nightly model"),
            ("new", "has done something since"),
            ("cold", "has done nothing yet"),
        ]
    )
    notices = NoticeSerializer(many=True, help_text="What was asked for and could not be done; mostly empty.")
    items = RecommendedSerializer(many=True)
    explanation = serializers.DictField(required=False, help_text="How the list was computed, with explain=true.")


class SessionListSerializer(EnvelopeSerializer):
    model_version = serializers.IntegerField(allow_null=True)
    user_state = serializers.ChoiceField(choices=["new", "cold"])
    notices = NoticeSerializer(many=True, help_text="What was asked for and could not be done; mostly empty.")
    items = RecommendedSerializer(many=True)


class GroupReasonSerializer(serializers.Serializer):
    code = serializers.ChoiceField(choices=["suits_all", "suits_most", "suits_some", "popular"])
    text = serializers.CharField(help_text='As in "Suits all of you".')


class GroupItemSerializer(serializers.Serializer):
    movie = MovieCardSerializer()
    score = serializers.FloatField(help_text="The lowest or the average of member_scores, by the strategy.")
    member_scores = serializers.ListField(
        child=serializers.FloatField(), help_text="What it is to each of members, from 0 to 1, in their order."
    )
    reason = GroupReasonSerializer()


class GroupListSerializer(EnvelopeSerializer):
    recommendation_id = serializers.UUIDField(help_text="Send it with the events this list leads to.")
    generated_at = serializers.DateTimeField()
    model_version = serializers.IntegerField(allow_null=True)
    strategy = serializers.CharField()
    members = serializers.ListField(
        child=serializers.EmailField(), help_text="As listed; you come first unless you listed yourself."
    )
    items = GroupItemSerializer(many=True)


class PopularSerializer(serializers.Serializer):
    movie = MovieCardSerializer()
    score = serializers.FloatField(help_text="Comparable within this list.")
    rank = serializers.IntegerField()


class PopularListSerializer(EnvelopeSerializer):
    items = PopularSerializer(many=True)


class SimilarSerializer(serializers.Serializer):
    movie = MovieCardSerializer()
    score = serializers.FloatField(help_text="From 0 to 1.")


class SimilarListSerializer(EnvelopeSerializer):
    items = SimilarSerializer(many=True)
