"""Reads of the statistics of recommendations."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.db.models import Min, Q, QuerySet, Sum
from django.db.models.functions import TruncDay

from events.attribution.dimensions import Dimension, Period
from events.attribution.models import AttributionProgress, RecommendationStatistic

# Columns that may be summed, for the admin, the report and the metrics.
COUNTS = (
    "impressions",
    "opened",
    "clicks",
    "views",
    "watchlisted",
    "started",
    "watches",
    "likes",
    "dislikes",
    "hides",
    "ratings",
    "rating_sum",
    "hours_watched",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcomes:
    """What came of the movies shown in some time, for one value of a dimension; counts are of impressions.

    value: of the dimension, "" where a list has none; for ``day`` the date.
    """

    value: str
    experiment: str
    arm: str
    impressions: int
    opened: int
    clicks: int
    views: int
    watchlisted: int
    started: int
    watches: int
    likes: int
    dislikes: int
    hides: int
    ratings: int
    rating_sum: float
    hours_watched: float

    @property
    def click_through(self) -> float | None:
        """The share of the movies shown that were clicked or viewed; None if none were shown."""
        return self.opened / self.impressions if self.impressions else None

    @property
    def watch_through(self) -> float | None:
        """The share of the movies shown that were watched to the end."""
        return self.watches / self.impressions if self.impressions else None

    @property
    def average_rating(self) -> float | None:
        """The average of the ratings that followed, 0.5 to 5."""
        return self.rating_sum / self.ratings if self.ratings else None


def outcomes_by(dimension: Dimension, *, since: datetime, until: datetime) -> list[Outcomes]:
    """The sums of the hours from ``since`` to ``until`` by value, the most shown first.

    Days whose hours were dropped count as a whole. Two queries.
    """
    columns = ("value", "experiment", "arm")
    rows = _rows(dimension, since, until).values(*columns).order_by("-impressions", *columns)
    return [Outcomes(**{name: row.pop(name) for name in columns}, **_numbers(row)) for row in rows.annotate(**_SUMS)]


def outcomes_by_day(*, since: datetime, until: datetime) -> list[Outcomes]:
    """The same by day (in UTC), the oldest first. Two queries."""
    rows = _rows(Dimension.TOTAL, since, until).annotate(day=TruncDay("starts_at")).values("day").order_by("day")
    found: list[dict[str, Any]] = [dict(row) for row in rows.annotate(**_SUMS)]
    return [Outcomes(value=f"{row['day']:%Y-%m-%d}", experiment="", arm="", **_numbers(row)) for row in found]


@dataclass(frozen=True, slots=True)
class DailyShown:
    """What one source's movies led to on one day; counts are of impressions."""

    day: date
    source: str
    impressions: int
    opened: int


def shown_by_day_and_source(*, since: datetime, until: datetime) -> list[DailyShown]:
    """Movies shown and opened by day (in UTC) and source, the oldest day first. Two queries."""
    rows = _rows(Dimension.SOURCE, since, until).annotate(day=TruncDay("starts_at")).values("day", "value")
    sums = rows.annotate(shown=Sum("impressions"), acted=Sum("opened")).order_by("day", "value")
    return [DailyShown(row["day"].date(), row["value"], row["shown"], row["acted"]) for row in sums]


def statistics_as_of() -> datetime | None:
    """Until when events and lists were read, also where there were none; None before the first run. One query."""
    return AttributionProgress.objects.filter(pk=1).values_list("read_until", flat=True).first()


def statistics_total(rows: QuerySet[RecommendationStatistic]) -> Outcomes:
    """The sums of these rows."""
    return Outcomes(value="", experiment="", arm="", **_numbers(rows.order_by().aggregate(**_SUMS)))


_SUMS = {name: Sum(name) for name in COUNTS}


def _rows(dimension: Dimension, since: datetime, until: datetime) -> QuerySet[RecommendationStatistic]:
    """The hours of the dimension in this time; before the first hour that is kept, its days."""
    rows = RecommendationStatistic.objects.filter(dimension=dimension, starts_at__gte=since, starts_at__lt=until)
    hours = RecommendationStatistic.objects.filter(period=Period.HOUR)
    first = hours.aggregate(first=Min("starts_at"))["first"]
    if first is None:
        return rows.filter(period=Period.DAY)
    # Hours are dropped by whole days, so that no hour of an earlier day is left.
    day = first.replace(hour=0)
    return rows.filter(Q(period=Period.HOUR) | Q(period=Period.DAY, starts_at__lt=day))


def _numbers(row: dict[str, Any]) -> dict[str, Any]:
    """The sums as numbers; none over no rows is 0."""
    real = {"rating_sum", "hours_watched"}
    return {name: float(row[name] or 0) if name in real else int(row[name] or 0) for name in COUNTS}
