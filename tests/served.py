"""The log of served lists, read after what waits in Redis is written."""

from django.db.models import QuerySet

from events.models import ListImpression, ServedRecommendation
from events.served.writer import Drained, served_drain


def drain() -> Drained:
    """Writes what waits in Redis."""
    return served_drain(seconds=30)


def served_lists() -> QuerySet[ServedRecommendation]:
    """All lists of the log, those that wait in Redis too."""
    drain()
    return ServedRecommendation.objects.all()


def impressions() -> QuerySet[ListImpression]:
    """All pages of the log that were shown, in the order of their times."""
    drain()
    return ListImpression.objects.order_by("shown_at", "start")
