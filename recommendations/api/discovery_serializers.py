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
        min_value=1, max_value=9999, required=False, help_text="Released then or later."
    )
    year_to = serializers.IntegerField(
        min_value=1, max_value=9999, required=False, help_text="Released then or earlier."
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Refuses years in the wrong order."""
        if attrs.get("year_from", 1) > attrs.get("year_to", 9999):
            raise serializers.ValidationError({"year_to": "This is before year_from."})
        return attrs


class FoundSerializer(serializers.Serializer):
    movie = MovieCardSerializer()
    score = serializers.FloatField(help_text="Comparable within this list.")
    matched = serializers.ListField(
        child=serializers.ChoiceField(choices=["title", "words", "people", "meaning"]), help_text="What found it."
    )


class SearchListSerializer(EnvelopeSerializer):
    notices = NoticeSerializer(many=True, help_text="What was asked for and could not be done; mostly empty.")
    items = FoundSerializer(many=True)


class TrendingReasonSerializer(serializers.Serializer):
    code = serializers.ChoiceField(
        choices=[
            ("trending", "more people than usual voted for it"),
            ("popular", "it is popular and fills the list up"),
        ]
    )
    text = serializers.CharField(help_text='As in "Liked by more people than usual".')


class TrendingSerializer(serializers.Serializer):
    movie = MovieCardSerializer()
    score = serializers.FloatField(
        allow_null=True, help_text="How far its votes stand out from what is usual; null for a popular movie."
    )
    rank = serializers.IntegerField()
    reason = TrendingReasonSerializer()


class TrendingListSerializer(EnvelopeSerializer):
    basis = serializers.ChoiceField(
        choices=[
            ("now", "the days before now"),
            ("history", "the newest earlier days that have enough votes, as of an imported history"),
            ("popular", "nothing stands out: all is popular"),
        ]
    )
    until = serializers.DateTimeField(allow_null=True, help_text="The end of the days that were counted.")
    items = TrendingSerializer(many=True)


class LatestSerializer(serializers.Serializer):
    movie = MovieCardSerializer()
    added_at = serializers.DateTimeField()


class LatestListSerializer(EnvelopeSerializer):
    items = LatestSerializer(many=True)


class GenreCountSerializer(serializers.Serializer):
    slug = serializers.CharField(help_text="What filters take as genre.")
    name = serializers.CharField()
    movie_count = serializers.IntegerField(help_text="How many published movies are of it.")


class GenreListSerializer(EnvelopeSerializer):
    items = GenreCountSerializer(many=True)
