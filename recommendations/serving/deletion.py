"""Removes the lists of a person who is deleted, resets their taste, or pauses personalisation."""

from datetime import timedelta
from functools import partial

from django.db import transaction
from django.utils import timezone

from accounts.models import User
from events.models import ServedRecommendation
from recommendations.models import BatchRecommendation
from recommendations.serving import list_cache
from recommendations.serving.group_lists import group_lists_flush, withdraw_group_lists


def remove_lists_on_commit(user: User) -> None:
    """Removes the cached lists of a person who is being deleted, after the deletion commits, and their group lists.

    Lists are cached by id; the log of served lists has these ids, and Redis has those of the newest. A list that is
    stored after the deletion is removed by the request that stores it; see list_cache.store.
    """
    # Their groups have ended: the cleaner of accounts, which is an earlier app, has run.
    group_lists_flush()
    transaction.on_commit(partial(list_cache.remove_lists, user.pk, _cached_ids(user)))


def forget_lists(user: User) -> None:
    """Withdraws the person's group lists and, once that has committed, removes their cached ones."""
    withdraw_group_lists(user)
    transaction.on_commit(partial(list_cache.remove_lists, user.pk, _cached_ids(user), deleted=False))


def taste_delete(user: User) -> None:
    """Deletes the lists that were made from a person's taste, nightly ones included."""
    BatchRecommendation.objects.filter(user=user).delete()
    forget_lists(user)


def _cached_ids(user: User) -> list[str]:
    """The ids of the person's lists that may still be cached. One query."""
    since = timezone.now() - timedelta(seconds=list_cache.retention_seconds())
    served = ServedRecommendation.objects.filter(user=user, served_at__gte=since)
    return [str(served_id) for served_id in served.values_list("pk", flat=True)]
