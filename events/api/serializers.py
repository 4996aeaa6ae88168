"""How events look in the API."""

from rest_framework import serializers

from events.models import Interaction


class EventWriteSerializer(serializers.Serializer):
    """One thing the person did with one movie. Whether it makes sense is for the service to say."""

    movie = serializers.IntegerField(min_value=1, help_text="The movie's id.")
    kind = serializers.ChoiceField(choices=Interaction.Kind.choices)
    value = serializers.FloatField(
        required=False, allow_null=True, help_text="With kind rating: 0.5 to 5 in steps of 0.5. Otherwise absent."
    )
    occurred_at = serializers.DateTimeField(
        required=False, help_text="When it happened, by default now; UTC where no zone is given."
    )
    event_id = serializers.UUIDField(
        required=False, help_text="The client's own id of this event: sent again, it is stored once."
    )
    recommendation_id = serializers.UUIDField(
        required=False, allow_null=True, help_text="The served list that led to it."
    )


class EventSerializer(serializers.ModelSerializer):
    """A stored event. Expects the movie joined."""

    movie = serializers.IntegerField(source="movie_id")
    movie_title = serializers.CharField(source="movie.title")

    class Meta:
        model = Interaction
        fields = ["event_id", "movie", "movie_title", "kind", "value", "occurred_at", "recommendation_id"]
