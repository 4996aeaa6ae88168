"""The parameter ``expand``: fields of each movie that a client asks for beside its card."""

from difflib import get_close_matches
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request

from movies.api.patterns import separated
from movies.selectors import EXPANSIONS

_MAX_LENGTH = 100


@extend_schema_field(
    {
        "type": "string",
        "minLength": 1,
        "maxLength": _MAX_LENGTH,
        "pattern": separated(f"({'|'.join(EXPANSIONS)})", empty=False),
    }
)
class ExpandField(serializers.CharField):
    """Names of EXPANSIONS, separated by commas or given several times in a query; a tuple without duplicates."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs = {"required": False, "max_length": _MAX_LENGTH} | kwargs
        kwargs.setdefault("help_text", f"Fields to add to each movie, separated by commas: {', '.join(EXPANSIONS)}.")
        super().__init__(**kwargs)

    def get_value(self, dictionary: Any) -> Any:
        if hasattr(dictionary, "getlist") and self.field_name in dictionary:
            return ",".join(dictionary.getlist(self.field_name))
        return super().get_value(dictionary)

    def to_internal_value(self, data: Any) -> tuple[str, ...]:  # type: ignore[override]
        names = [name.strip() for name in super().to_internal_value(data).split(",")]
        for name in names:
            if name not in EXPANSIONS:
                nearest = get_close_matches(name, EXPANSIONS, n=1, cutoff=0.0)[0]
                raise serializers.ValidationError(f'There is no "{name}" to expand; did you mean "{nearest}"?')
        return tuple(name for name in EXPANSIONS if name in names)


class ExpandQuerySerializer(serializers.Serializer):
    """The part of the query that all lists of movies share."""

    expand = ExpandField()


def expansions_requested(request: Request) -> tuple[str, ...]:
    """The expansions that a request asks for. Raises ValidationError that names ``expand``."""
    query = ExpandQuerySerializer(data=request.query_params)
    query.is_valid(raise_exception=True)
    return query.validated_data.get("expand", ())
