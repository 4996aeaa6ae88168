"""Regions: where movies are available, which are countries."""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error

from movies.countries import COUNTRIES

DEFAULTS = ("everywhere", "nowhere")
# Names by code.
REGIONS = COUNTRIES


def effective_region(asked: str = "") -> str:
    """The region of a request: the one that it names, or DEFAULT_REGION; "" is no region, in which all is available."""
    return asked or settings.DEFAULT_REGION


def region_error(text: str) -> str:
    """What is wrong with a code that is no region."""
    upper = text.strip().upper()
    hint = f'did you mean "{upper}"?' if upper in REGIONS else "two capital letters of ISO 3166-1, such as SE."
    return f'There is no region "{text}"; {hint}'


def check_regions(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """A check that a misspelt setting is found at startup."""
    found: list[CheckMessage] = []
    if settings.DEFAULT_REGION and settings.DEFAULT_REGION not in REGIONS:
        found.append(Error(f"DEFAULT_REGION: {region_error(settings.DEFAULT_REGION)}", id="movies.E001"))
    if settings.AVAILABILITY_DEFAULT not in DEFAULTS:
        said = f"AVAILABILITY_DEFAULT: {settings.AVAILABILITY_DEFAULT!r} is none of {', '.join(DEFAULTS)}."
        found.append(Error(said, id="movies.E002"))
    return found
