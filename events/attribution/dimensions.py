"""The names of what statistics are counted by."""

from typing import Final

from django.db import models

from events.kinds import Kind
from events.served.entries import SOURCE_CODES

# By the number in ServedRecommendation.sources.
SOURCE_NAMES: Final = {code: name for name, code in SOURCE_CODES.items()}
UNKNOWN_SOURCE: Final = -1
# Of more versions, clients or endpoints in one hour, those shown least are one value, OTHER.
MAX_VALUES: Final = 50
OTHER: Final = "other"


class Period(models.TextChoices):
    HOUR = "hour", "Hour"
    DAY = "day", "Day"


class Dimension(models.TextChoices):
    """``arm`` and ``source_arm`` have the experiment and the arm in columns of their own."""

    TOTAL = "total", "Total"
    SOURCE = "source", "Source"
    POSITION = "position", "Position"
    VERSION = "version", "Model version"
    ARM = "arm", "Experiment and arm"
    CLIENT = "client", "Client application"
    ENDPOINT = "endpoint", "Endpoint"
    SOURCE_ARM = "source_arm", "Source and arm"


# What an event of a kind counts as; the kinds are texts, for SQL.
OPENED_KINDS: Final = (Kind.CLICK.value, Kind.VIEW.value)
STARTED_KINDS: Final = (Kind.WATCH.value, Kind.PARTIAL.value)
ATTRIBUTED_KINDS: Final = tuple(kind.value for kind in Kind)
# The running time, in minutes, of a movie whose running time is unknown, for hours watched.
UNKNOWN_RUNTIME = 100
