"""Requests and answers of search, trending, latest and genres. The answers are declared for the OpenAPI schema."""

from typing import Any

from rest_framework import serializers

from movies.api.serializers import EnvelopeSerializer, MovieCardSerializer
from movies.search import MAX_QUERY_LENGTH
from recommendations.api.fields import SearchTextField
from recommendations.api.serializers import GenreQuerySerializer, NoticeSerializer


class SearchQuerySerializer(GenreQuerySerializer):
    q = SearchTextField(
        max_length=MAX_QUERY_LENGTH,
        help_text='A title, a name, or what the movie is about. "In quotes" is a phrase; -word must not occur.',
    )
    year_from = serializers.IntegerField(
        min_value=1, max_value=9999, required=False, help_text="The earliest year of release."
    )
    year_to = serializers.IntegerField(
        min_value=1, max_value=9999, required=False, help_text="The latest year of release."
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Refuses years in the wrong order."""
        if attrs.get("year_from", 1) > attrs.get("year_to", 9999):
            raise serializers.ValidationError({"year_to": "This is before year_from."})
        return attrs


class FoundSerializer(serializers.Serializer):
    movie = MovieCardSerializer()
    score = serializers.FloatField(help_text="Only comparable within this list.")
    matched = serializers.ListField(
        child=serializers.ChoiceField(choices=["title", "words", "people", "origin", "meaning"]),
        help_text="The parts of the search that found it.",
    )


class SearchListSerializer(EnvelopeSerializer):
    notices = NoticeSerializer(many=True, help_text="What was requested but could not be done; usually empty.")
    items = FoundSerializer(many=True)


class TrendingReasonSerializer(serializers.Serializer):
    code = serializers.ChoiceField(
        choices=[
            ("trending", "more people than usual voted for it"),
            ("popular", "popular; fills the list"),
        ]
    )
    text = serializers.CharField(help_text='For people, such as "Liked by more people than usual".')


class TrendingSerializer(serializers.Serializer):
    movie = MovieCardSerializer()
    score = serializers.FloatField(
        allow_null=True,
        help_text="Standard deviations by which its votes exceed the usual number; null for a popular movie.",
    )
    rank = serializers.IntegerField()
    reason = TrendingReasonSerializer()


class TrendingListSerializer(EnvelopeSerializer):
    basis = serializers.ChoiceField(
        choices=[
            ("now", "the last days"),
            ("history", "the newest earlier days with enough votes, as in imported data"),
            ("popular", "nothing is trending; all movies are popular ones"),
        ]
    )
    until = serializers.DateTimeField(allow_null=True, help_text="The end of the period whose votes were counted.")
    items = TrendingSerializer(many=True)


class LatestSerializer(serializers.Serializer):
    movie = MovieCardSerializer()
    added_at = serializers.DateTimeField()


class LatestListSerializer(EnvelopeSerializer):
    items = LatestSerializer(many=True)


class GenreCountSerializer(serializers.Serializer):
    slug = serializers.CharField(help_text="The value for the parameter genre.")
    name = serializers.CharField()
    movie_count = serializers.IntegerField(help_text="The number of published movies of this genre.")


class GenreListSerializer(EnvelopeSerializer):
    items = GenreCountSerializer(many=True)
