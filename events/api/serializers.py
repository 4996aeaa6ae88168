"""How events look in the API."""

from typing import Any

from drf_spectacular.extensions import OpenApiSerializerExtension
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from accounts.api.client_users import ExternalIdField
from events.ingest import SOURCE_PATTERN, is_source
from events.kinds import API_KIND_CHOICES, Kind
from events.models import MAX_SOURCE_LENGTH, Interaction
from movies.api.fields import BoundedListField, ListedChoiceField, NumberField, UUIDTextField
from movies.api.serializers import MovieCardSerializer

MAX_BATCH = 1_000
BAD_SOURCE = "One of batch, realtime, popular, new, pinned and mood, or row: and a name of yours."


@extend_schema_field({"type": "string", "pattern": SOURCE_PATTERN, "maxLength": 40})
class SourceField(serializers.CharField):
    """Where an event came from."""

    def to_internal_value(self, data: Any) -> str:
        text = super().to_internal_value(data)
        if not is_source(text):
            raise serializers.ValidationError(BAD_SOURCE)
        return text


@extend_schema_field({"type": "object"})
class UncheckedField(serializers.Field):
    """Whatever was sent."""

    def to_internal_value(self, data: Any) -> Any:
        return data

    def to_representation(self, value: Any) -> Any:
        return value


class EventWriteSerializer(serializers.Serializer):
    """One thing the person did with one movie. The service validates it."""

    movie = serializers.IntegerField(min_value=1, help_text="The movie's id.")
    kind = ListedChoiceField(choices=API_KIND_CHOICES)
    value = NumberField(
        required=False,
        allow_null=True,
        help_text="Required for the kind rating: 0.5 to 5 in steps of 0.5. Not allowed for other kinds.",
    )
    progress = NumberField(
        required=False,
        allow_null=True,
        min_value=0,
        max_value=1,
        help_text="Of a watch: the share of the movie that was watched. From 0.9 on, and without it, all of it was.",
    )
    occurred_at = serializers.DateTimeField(
        required=False, help_text="When it happened, by default now; UTC if no time zone is given."
    )
    event_id = UUIDTextField(
        required=False, help_text="The client's id of this event. An event that is sent twice is stored once."
    )
    recommendation_id = UUIDTextField(
        required=False,
        allow_null=True,
        help_text="The recommendation_id of the list that led to it, which must have been shown to this person.",
    )
    source = SourceField(  # type: ignore[assignment]  # The metaclass takes it off the class.
        required=False, allow_blank=True, max_length=MAX_SOURCE_LENGTH, help_text="Where it came from."
    )
    undo = serializers.BooleanField(
        required=False, help_text="Takes back the person's earlier events of this kind with this movie."
    )
    user = ExternalIdField()


class EventsWriteSerializer(EventWriteSerializer):
    """One event; or ``events``, up to 1,000, each of which is stored or refused by itself."""

    movie = serializers.IntegerField(min_value=1, required=False, help_text="The movie's id.")
    kind = ListedChoiceField(choices=API_KIND_CHOICES, required=False)
    # Each is validated by itself.
    events = BoundedListField(
        child=UncheckedField(allow_null=True),
        required=False,
        allow_empty=False,
        max_length=MAX_BATCH,
        help_text="Instead of the other fields, but for user, which is then the default of each.",
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        required = self.fields["movie"].error_messages["required"]
        if "events" not in attrs:
            if missing := {name: required for name in ("movie", "kind") if name not in attrs}:
                raise serializers.ValidationError(missing)
        elif beside := sorted(attrs.keys() - {"events", "user"}):
            raise serializers.ValidationError({"events": f"Send {beside[0]} in each event, or one event alone."})
        return attrs


class EventsWriteExtension(OpenApiSerializerExtension):
    """Says in the schema what an item of ``events`` is, and that a body has either one event or many."""

    target_class = EventsWriteSerializer

    def map_serializer(self, auto_schema: Any, direction: Any) -> dict[str, Any]:
        schema: dict[str, Any] = auto_schema._map_serializer(self.target, direction, bypass_extensions=True)
        item = auto_schema.resolve_serializer(EventWriteSerializer, direction)
        schema["properties"]["events"] |= {"items": item.ref, "minItems": 1}
        schema["anyOf"] = [{"required": ["movie", "kind"]}, {"required": ["events"]}]
        return schema


class EventSerializer(serializers.ModelSerializer):
    """A stored event."""

    kind = serializers.SerializerMethodField()
    # From the context, which must hold the ``cards`` of the movies by their ids.
    movie = serializers.SerializerMethodField()

    class Meta:
        model = Interaction
        fields = [
            "event_id",
            "movie",
            "kind",
            "value",
            "progress",
            "occurred_at",
            "recommendation_id",
            "source",
            "undo",
            "undone_at",
        ]

    @extend_schema_field(serializers.ChoiceField(choices=API_KIND_CHOICES))
    def get_kind(self, event: Interaction) -> str:
        return Kind.WATCH.value if event.kind == Kind.PARTIAL else event.kind

    @extend_schema_field(MovieCardSerializer)
    def get_movie(self, event: Interaction) -> dict[str, Any]:
        card: dict[str, Any] = self.context["cards"][event.movie_id]
        return card


@extend_schema_field(
    {
        "type": "object",
        "nullable": True,
        "description": "Why the event was refused, as in the shape of errors; fields only for the first 20.",
        "required": ["code", "message", "fields"],
        "properties": {
            "code": {"type": "string"},
            "message": {"type": "string"},
            "fields": {"type": "object", "additionalProperties": {"type": "array", "items": {"type": "string"}}},
        },
    }
)
class EventErrorField(serializers.ReadOnlyField):
    """The error of one event of a batch."""


class EventResultSerializer(serializers.Serializer):
    """What became of one event of a batch."""

    status = serializers.ChoiceField(
        choices=[200, 201, 400, 403, 409], help_text="201 stored, 200 stored before; else it was refused."
    )
    event_id = serializers.UUIDField(allow_null=True, help_text="The event's id; null if it has none.")
    error = EventErrorField()


class EventResultsSerializer(serializers.Serializer):
    """What became of each event of a batch, in their order."""

    results = EventResultSerializer(many=True)
    stored = serializers.IntegerField(help_text="How many are new.")
    repeated = serializers.IntegerField(help_text="How many were stored before.")
    refused = serializers.IntegerField(help_text="How many were refused.")
