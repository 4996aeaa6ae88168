"""The names of what statistics are counted by."""

from typing import Final

from django.db import models

# By the number in ServedRecommendation.sources.
SOURCE_NAMES: Final = {0: "batch", 1: "realtime", 2: "popular", 3: "new", 4: "pinned", 5: "mood"}
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


# Kinds of events, beside those of events.kinds.
OPENED_KINDS: Final = ("click", "view")
STARTED_KINDS: Final = ("watch", "partial")
ATTRIBUTED_KINDS: Final = (*OPENED_KINDS, *STARTED_KINDS, "watchlist", "like", "dislike", "hide", "rating")
