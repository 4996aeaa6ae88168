"""Removes a deleted person's lists from Redis."""

from datetime import timedelta
from functools import partial

from django.db import transaction
from django.utils import timezone

from accounts.models import User
from events.models import ServedRecommendation
from recommendations.serving import list_cache


def remove_lists_on_commit(user: User) -> None:
    """Removes the cached lists of a person who is being deleted, after the deletion commits.

    Lists are cached by id, and the log of served lists has these ids. A list that is logged before the deletion and
    stored after it is removed by the request that stores it; see list_cache.store.
    """
    since = timezone.now() - timedelta(seconds=list_cache.retention_seconds())
    served = ServedRecommendation.objects.filter(user=user, served_at__gte=since)
    ids = [str(served_id) for served_id in served.values_list("pk", flat=True)]
    transaction.on_commit(partial(list_cache.remove_lists, user.pk, ids))
