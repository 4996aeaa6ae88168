"""How events look in the API."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from accounts.api.client_users import ExternalIdField
from events.kinds import API_KIND_CHOICES
from events.models import Interaction
from movies.api.fields import ListedChoiceField, NumberField, UUIDTextField
from movies.api.serializers import MovieCardSerializer


class EventWriteSerializer(serializers.Serializer):
    """One thing the person did with one movie. The service validates it."""

    movie = serializers.IntegerField(min_value=1, help_text="The movie's id.")
    kind = ListedChoiceField(choices=API_KIND_CHOICES)
    value = NumberField(
        required=False,
        allow_null=True,
        help_text="Required for the kind rating: 0.5 to 5 in steps of 0.5. Not allowed for other kinds.",
    )
    occurred_at = serializers.DateTimeField(
        required=False, help_text="When it happened, by default now; UTC if no time zone is given."
    )
    event_id = UUIDTextField(
        required=False, help_text="The client's id of this event. An event that is sent twice is stored once."
    )
    recommendation_id = UUIDTextField(
        required=False, allow_null=True, help_text="The recommendation_id of the list that led to it."
    )
    user = ExternalIdField()


class EventSerializer(serializers.ModelSerializer):
    """A stored event."""

    # From the context, which must hold the ``cards`` of the movies by their ids.
    movie = serializers.SerializerMethodField()

    class Meta:
        model = Interaction
        fields = ["event_id", "movie", "kind", "value", "occurred_at", "recommendation_id"]

    @extend_schema_field(MovieCardSerializer)
    def get_movie(self, event: Interaction) -> dict[str, Any]:
        card: dict[str, Any] = self.context["cards"][event.movie_id]
        return card
