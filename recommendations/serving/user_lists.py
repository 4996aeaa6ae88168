"""What is kept in Redis of one person, for when they are deleted."""

from datetime import timedelta
from functools import partial

from django.db import transaction
from django.utils import timezone

from accounts.models import User
from events.models import ServedRecommendation
from recommendations.serving import list_cache


def forget_user_on_commit(user: User) -> None:
    """Removes the kept lists of a person who is being deleted, once that has committed.

    Lists are kept by their ids, which the log of served lists knows. One that is logged already and kept only later is
    removed by the request that keeps it.
    """
    since = timezone.now() - timedelta(seconds=list_cache.retention_seconds())
    served = ServedRecommendation.objects.filter(user=user, served_at__gte=since)
    ids = [str(served_id) for served_id in served.values_list("pk", flat=True)]
    transaction.on_commit(partial(list_cache.remove_lists, user.pk, ids))
