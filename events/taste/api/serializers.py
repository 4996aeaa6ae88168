"""Requests and answers of the taste imports."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from accounts.api.client_users import ExternalIdField
from events.taste.formats.detection import SOURCES
from events.taste.formats.matching import OUTCOMES, REASONS
from events.taste.models import TasteImport, TasteImportFilm
from events.taste.services import expires_at
from movies.api.fields import BoundedListField, ListedChoiceField
from movies.api.pagination import NEXT_CURSOR_HELP
from movies.api.serializers import MovieCardSerializer

MAX_CHOICES = 1_000
_MAX_POSITION = 2_147_483_647
_REASONS = "; ".join(f"`{code}`: {text}" for code, text in REASONS.items())


class TasteImportCreateSerializer(serializers.Serializer[Any]):
    """The form of an upload."""

    file = serializers.FileField(
        max_length=255,
        allow_empty_file=True,
        help_text="An export, with the name it came with: it tells files of one header apart.",
    )
    user = ExternalIdField()

    def to_internal_value(self, data: Any) -> Any:
        """Refuses other fields, and a second file."""
        known = " and ".join(self.fields)
        problems = {name: [f"There is no such field. Known: {known}."] for name in data if name not in self.fields}
        problems |= {name: ["Send one."] for name in self.fields if len(data.getlist(name)) > 1}
        if problems:
            raise serializers.ValidationError(problems)
        return super().to_internal_value(data)


class TasteChoiceSerializer(serializers.Serializer[Any]):
    position = serializers.IntegerField(min_value=1, max_value=_MAX_POSITION, help_text="The position of the film.")
    movie = serializers.IntegerField(min_value=1, max_value=2**63 - 1, help_text="The id of one of its candidates.")


class TasteImportConfirmSerializer(serializers.Serializer[Any]):
    choices = BoundedListField(
        child=TasteChoiceSerializer(),
        max_length=MAX_CHOICES,
        required=False,
        help_text="The movie of each ambiguous film that is to be recorded; the others are left out.",
    )
    user = ExternalIdField()

    def validate_choices(self, choices: list[dict[str, int]]) -> dict[int, int]:
        chosen = {choice["position"]: choice["movie"] for choice in choices}
        if len(chosen) != len(choices):
            raise serializers.ValidationError("Choose one movie for a film.")
        return chosen


class TasteSummarySerializer(serializers.Serializer[Any]):
    rows = serializers.IntegerField(help_text="Rows of the file about films of the person.")
    matched = serializers.IntegerField(help_text="Films that are recorded when the import is confirmed.")
    ambiguous = serializers.IntegerField(help_text="Films that are recorded if a movie is chosen for them.")
    unmatched = serializers.IntegerField(help_text="Films that are not recorded.")
    merged_rows = serializers.IntegerField(help_text="Further rows about the same films, such as rewatches.")
    replaced_ratings = serializers.IntegerField(help_text="Older ratings of films that the file rates again.")
    left_out = serializers.DictField(
        child=serializers.IntegerField(),
        help_text=(
            "Numbers of other rows: `tv` (series and episodes), `not_film` (games and others), `listed` (films on "
            "lists), `nothing_said` (films without a rating or a viewing)."
        ),
    )


class TasteResultSerializer(serializers.Serializer[Any]):
    recorded = serializers.DictField(child=serializers.IntegerField(), help_text="Numbers of new events by kind.")
    unchanged = serializers.DictField(
        child=serializers.IntegerField(),
        help_text="Numbers by kind of what was known already, or is older than what the person did here.",
    )
    unpublished = serializers.IntegerField(help_text="Films whose movies are no longer published.")


class TasteImportSerializer(serializers.ModelSerializer[TasteImport]):
    """An import without its films."""

    source = serializers.ChoiceField(choices=list(SOURCES))  # type: ignore[assignment]  # DRF's metaclass takes it out.
    state = serializers.ChoiceField(choices=TasteImport.State.choices)
    expires_at = serializers.SerializerMethodField(help_text="When it is deleted, confirmed or not.")
    summary = TasteSummarySerializer()
    result = serializers.SerializerMethodField(help_text="What confirming recorded; null until then.")

    class Meta:
        model = TasteImport
        fields = ["id", "source", "state", "created_at", "expires_at", "summary", "result"]

    @extend_schema_field(serializers.DateTimeField())
    def get_expires_at(self, taste_import: TasteImport) -> Any:
        return serializers.DateTimeField().to_representation(expires_at(taste_import))

    @extend_schema_field(TasteResultSerializer(allow_null=True))
    def get_result(self, taste_import: TasteImport) -> dict[str, Any] | None:
        return taste_import.result or None


class TasteFilmSerializer(serializers.ModelSerializer[TasteImportFilm]):
    """A film of the file; the context has the ``cards`` of the candidates."""

    outcome = serializers.ChoiceField(choices=OUTCOMES)
    reason = serializers.ChoiceField(choices=list(REASONS), help_text=_REASONS)
    candidates = serializers.SerializerMethodField(
        help_text="The movie of a matched film; the movies that an ambiguous one may be."
    )

    class Meta:
        model = TasteImportFilm
        fields = [
            "position",
            "title",
            "year",
            "outcome",
            "reason",
            "candidates",
            "rating",
            "rated_at",
            "watched",
            "watched_at",
            "liked",
            "watchlisted",
            "rows",
            "file",
            "line",
        ]

    @extend_schema_field(MovieCardSerializer(many=True))
    def get_candidates(self, film: TasteImportFilm) -> list[dict[str, Any]]:
        cards = self.context["cards"]
        return [cards[movie_id] for movie_id in film.candidates if movie_id in cards]


class TasteImportPreviewSerializer(TasteImportSerializer):
    """An import with a page of its films, for the schema."""

    items = TasteFilmSerializer(many=True)
    next_cursor = serializers.CharField(allow_null=True, help_text=NEXT_CURSOR_HELP)

    class Meta(TasteImportSerializer.Meta):
        fields = [*TasteImportSerializer.Meta.fields, "items", "next_cursor"]


class TasteFilmQuerySerializer(serializers.Serializer[Any]):
    """The filter of a preview."""

    outcome = ListedChoiceField(choices=OUTCOMES, required=False, help_text="Only films of this outcome.")
