"""Countries by their two letters (ISO 3166-1 alpha-2), with the names that the time zone database has."""

from collections.abc import Mapping
from importlib.resources import files
from types import MappingProxyType

from django.core.exceptions import ValidationError
from django.db import models


def _read() -> Mapping[str, str]:
    text = (files("tzdata") / "zoneinfo" / "iso3166.tab").read_text(encoding="utf-8")
    rows = (line.split("\t") for line in text.splitlines() if line and not line.startswith("#"))
    return MappingProxyType({row[0]: row[1] for row in rows})


# Names by code.
COUNTRIES = _read()


def country_validate(code: str) -> None:
    """Raises ValidationError unless the text is the code of a country, in capitals."""
    if code not in COUNTRIES:
        raise ValidationError(f"{code[:20]} is no country: give two letters of ISO 3166, such as SE.", code="country")


class CountryField(models.CharField):
    """The two capital letters of a country; small letters from forms are raised."""

    def __init__(self, **options: object) -> None:
        super().__init__(**({"max_length": 2, "validators": [country_validate]} | options))  # type: ignore[arg-type]

    def to_python(self, value: object) -> str | None:
        """The trimmed text in capitals."""
        text = super().to_python(value)
        return text.strip().upper() if isinstance(text, str) else text
