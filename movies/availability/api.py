"""The parameter ``region`` of lists, and a movie's windows as its page shows them."""

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request

from movies.availability.regions import REGIONS, effective_region, region_error
from movies.availability.selectors import available_in
from movies.models import MovieAvailability

REGION_HELP = (
    "ISO 3166-1 alpha-2 code of a country, such as SE: only movies that are available there today. Without one, that of"
    " the site, if it has one."
)


@extend_schema_field({"type": "string", "enum": sorted(REGIONS)})
class RegionField(serializers.CharField):
    """The code of a region, in capital letters."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("required", False)
        kwargs.setdefault("help_text", REGION_HELP)
        super().__init__(**kwargs)

    def to_internal_value(self, data: Any) -> str:
        text = super().to_internal_value(data)
        if text not in REGIONS:
            raise serializers.ValidationError(region_error(text[:20]))
        return text


class RegionQuerySerializer(serializers.Serializer):
    """The part of the query that all lists of movies share."""

    region = RegionField()


class AvailabilitySerializer(serializers.ModelSerializer):
    """A window: a region, its first and its last day."""

    class Meta:
        model = MovieAvailability
        fields = ["region", "available_from", "available_to"]


def available_rows(rows: QuerySet[Any], request: Request, prefix: str = "") -> QuerySet[Any]:
    """The rows whose movies are available in the request's region. Raises ValidationError that names ``region``.

    prefix: "movie__" for rows that refer to a movie.
    """
    query = RegionQuerySerializer(data=request.query_params)
    query.is_valid(raise_exception=True)
    return rows.filter(available_in(effective_region(query.validated_data.get("region", "")), prefix))
