"""Requests of the list endpoints: filters, pages, groups, and the events of a guest."""

from dataclasses import replace
from functools import lru_cache
from typing import Any, NamedTuple

from django.http import QueryDict
from django.utils import timezone
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from accounts.api.client_users import ExternalIdField
from events.kinds import API_KIND_CHOICES, Kind
from events.models import MAX_RATING, MIN_RATING
from events.selectors import Signal
from movies.api.expand import ExpandQuerySerializer
from movies.api.fields import BoundedListField, ListedChoiceField, NumberField, UUIDTextField
from movies.api.patterns import ID, separated
from movies.availability.api import RegionField
from recommendations.algorithms.listing.blending import LIST_SIZE
from recommendations.algorithms.listing.group_aggregation import STRATEGIES
from recommendations.api.fields import SearchTextField
from recommendations.curation.config import HOME
from recommendations.retrieval.filters import MAX_EXCLUDED, MAX_REPEAT_AFTER, ListFilters
from recommendations.serving.group_lists import MAX_GROUP_LIMIT

MAX_SIGNALS = 200
MAX_GENRES = 50
SCENARIO_PATTERN = r"^[-a-zA-Z0-9_]+$"
_MAX_ID = 2**31 - 1
# The length of MAX_EXCLUDED ids of ten digits with their commas.
_MAX_EXCLUDE_TEXT = MAX_EXCLUDED * 11
# Longer query strings are not cached: they contain cursors and ids, which are rarely repeated.
_MAX_CACHED_LENGTH = 100


@extend_schema_field(
    {"type": "string", "minLength": 1, "maxLength": _MAX_EXCLUDE_TEXT, "pattern": separated(ID, empty=True)}
)
class IdsField(serializers.CharField):
    """Ids separated by commas, as a set."""

    def to_internal_value(self, data: Any) -> frozenset[int]:  # type: ignore[override]
        text = super().to_internal_value(data)
        if text.count(",") > MAX_EXCLUDED or len(parts := _split(text)) > MAX_EXCLUDED:
            raise serializers.ValidationError(f"At most {MAX_EXCLUDED} ids.")
        if not parts or not all(
            part.isascii() and part.isdigit() and len(part) <= 10 and int(part) <= _MAX_ID for part in parts
        ):
            raise serializers.ValidationError("Ids separated by commas, as in 12,345.")
        return frozenset(int(part) for part in parts)


class SlugsField(serializers.CharField):
    """Slugs separated by commas, as a tuple without duplicates."""

    def to_internal_value(self, data: Any) -> tuple[str, ...]:  # type: ignore[override]
        text = super().to_internal_value(data)
        if text.count(",") > MAX_GENRES or len(slugs := _split(text)) > MAX_GENRES:
            raise serializers.ValidationError(f"At most {MAX_GENRES} slugs.")
        if not slugs or not all(slug.isascii() and slug.isprintable() for slug in slugs):
            raise serializers.ValidationError("Slugs separated by commas, as in drama,film-noir.")
        return tuple(dict.fromkeys(slugs))


def _split(text: str) -> list[str]:
    """The values between the commas, stripped, without empty ones."""
    return [part.strip() for part in text.split(",") if part.strip()]


class FilterSerializer(ExpandQuerySerializer):
    """The query of a list that can be filtered."""

    limit = serializers.IntegerField(min_value=1, max_value=LIST_SIZE, default=20, help_text="The number of movies.")
    genre = SlugsField(
        required=False, max_length=400, help_text="Slugs of genres, separated by commas; a movie needs any of them."
    )
    year_from = serializers.IntegerField(
        required=False, min_value=1870, max_value=2200, help_text="The earliest year of release."
    )
    year_to = serializers.IntegerField(
        required=False, min_value=1870, max_value=2200, help_text="The latest year of release."
    )
    language = serializers.RegexField(
        r"^[A-Za-z-]+$", required=False, max_length=8, help_text="ISO 639-1 code of the language, such as en."
    )
    max_runtime = serializers.IntegerField(
        required=False, min_value=1, max_value=10_000, help_text="The longest running time, in minutes."
    )
    exclude = IdsField(
        required=False,
        max_length=_MAX_EXCLUDE_TEXT,
        help_text=f"Ids of movies to leave out, separated by commas; up to {MAX_EXCLUDED}.",
    )
    mood = SearchTextField(
        required=False, max_length=200, help_text="Free text; movies whose content is close to it rank higher."
    )
    region = RegionField()

    def filters(self) -> ListFilters:
        """The filters of a valid query."""
        given: dict[str, Any] = {
            name: self.validated_data[name]
            for name in ("year_from", "year_to", "language", "max_runtime", "exclude", "mood", "region")
            if name in self.validated_data
        }
        return ListFilters(genres=self.validated_data.get("genre", ()), **given)


class ListQuerySerializer(FilterSerializer):
    """The query of a person's own list."""

    cursor = serializers.CharField(required=False, max_length=500, help_text="The next_cursor of the previous page.")
    explain = serializers.BooleanField(default=False, help_text="Add an explanation of the list.")
    repeat_after = serializers.IntegerField(
        required=False,
        min_value=0,
        max_value=MAX_REPEAT_AFTER,
        help_text="Rest movies that the person was shown within this many hours and did not act on; 0 rests none.",
    )
    exclude_watchlist = serializers.BooleanField(
        default=False, help_text="Leave out what is on the person's watchlist."
    )
    scenario = serializers.RegexField(
        SCENARIO_PATTERN,
        default=HOME,
        max_length=24,
        help_text="The placement that the list is for: one with a live version, or home.",
    )
    user = ExternalIdField()

    def filters(self) -> ListFilters:
        """The filters of a valid query, with those that need to know the person."""
        given, filters = self.validated_data, super().filters()
        return replace(filters, repeat_after=given.get("repeat_after"), exclude_watchlist=given["exclude_watchlist"])


class ListQuery(NamedTuple):
    """The valid query of a person's own list."""

    limit: int | None
    filters: ListFilters
    cursor: str
    explain: bool
    expand: tuple[str, ...]
    scenario: str


def list_query(query_string: str) -> ListQuery:
    """The query of a request's raw query string; repeated ``genre``, ``exclude`` and ``expand`` are joined.

    Raises REST framework's ValidationError that names the parameter. ``user`` is left to ``acting_user``, so that the
    queries of a client application's many users are one cached query.
    """
    query_string = "&".join(part for part in query_string.split("&") if not part.startswith("user="))
    return _parse_cached(query_string) if len(query_string) <= _MAX_CACHED_LENGTH else _parse(query_string)


def _parse(query_string: str) -> ListQuery:
    given = QueryDict(query_string.encode("latin-1"))
    joined = {"genre", "exclude", "expand"}
    query = ListQuerySerializer(
        data={name: ",".join(given.getlist(name)) if name in joined else given[name] for name in given}
    )
    query.is_valid(raise_exception=True)
    valid = query.validated_data
    # Without one, the scenario says.
    limit = valid["limit"] if "limit" in given else None
    shown = (valid.get("cursor", ""), valid["explain"], valid.get("expand", ()), valid["scenario"])
    return ListQuery(limit, query.filters(), *shown)


# Most requests have one of a few query strings, and the result depends on nothing else.
_parse_cached = lru_cache(maxsize=1000)(_parse)


class SessionEventSerializer(serializers.Serializer):
    movie = serializers.IntegerField(min_value=1, max_value=_MAX_ID)
    kind = ListedChoiceField(choices=API_KIND_CHOICES, default=Kind.LIKE.value)
    value = NumberField(required=False, min_value=MIN_RATING, max_value=MAX_RATING)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if (attrs["kind"] == Kind.RATING) != ("value" in attrs):
            raise serializers.ValidationError({"value": "A rating needs a value, and nothing else has one."})
        return attrs


class GroupSerializer(ExpandQuerySerializer):
    """The group, and the strategy that aggregates its members' scores."""

    limit = serializers.IntegerField(
        min_value=1, max_value=MAX_GROUP_LIMIT, default=MAX_GROUP_LIMIT, help_text="The number of movies."
    )
    group = UUIDTextField(help_text="One of your groups, all of whose members have accepted.")
    strategy = ListedChoiceField(
        choices=list(STRATEGIES.items()),
        default="least_misery",
    )
    region = RegionField()


# With these parameters a caller would get more than one list a day, and could compare them.
NOT_FOR_GROUPS = dict.fromkeys(
    sorted(ListQuerySerializer().fields.keys() - GroupSerializer().fields.keys()), "This is not supported for groups."
)


class SessionSerializer(FilterSerializer):
    """What a guest did, oldest first: movies they like, or events."""

    movie_ids = BoundedListField(
        child=serializers.IntegerField(min_value=1, max_value=_MAX_ID), required=False, max_length=MAX_SIGNALS
    )
    events = BoundedListField(child=SessionEventSerializer(), required=False, max_length=MAX_SIGNALS)

    def signals(self) -> list[Signal]:
        """The signals of a valid body, newest first, one per movie."""
        now = timezone.now()
        liked = [{"movie": movie_id, "kind": Kind.LIKE.value} for movie_id in self.validated_data.get("movie_ids", [])]
        last = {event["movie"]: event for event in [*liked, *self.validated_data.get("events", [])]}
        return [Signal(movie, event["kind"], event.get("value"), now) for movie, event in reversed(last.items())]
