"""The stamps that decide whether a person's cached list still holds; see movies.caching.stamps for how they work."""

from collections.abc import Iterable
from functools import partial

from django.db import transaction

from accounts.models import User
from accounts.selectors import user_exists
from movies.caching.stamps import CATALOGUE, change_record, stamp, stamp_each, stamp_forget, stamp_key
from movies.models import CacheInvalidation


def stamp_user(user_id: int, interaction_id: int | None = None) -> None:
    """Says that this person's list may be wrong: they did something, which is in the row ``interaction_id`` if any."""
    stamp(_name(user_id), change="" if interaction_id is None else str(interaction_id))


def stamp_users(interactions: Iterable[tuple[int, int]]) -> bool:
    """The same for many interactions, each with its person's id; says whether Redis took them."""
    return stamp_each((_name(user_id), str(interaction_id)) for interaction_id, user_id in interactions)


def stamp_user_on_commit(user_id: int, interaction_id: int | None = None) -> None:
    """The same, once the transaction this runs in has committed.

    Without an interaction, which is a trace by itself, the change is recorded in PostgreSQL for the sweep.
    """
    if interaction_id is None:
        change_record(_name(user_id))
    transaction.on_commit(partial(_stamp_committed, user_id, interaction_id))


def _stamp_committed(user_id: int, interaction_id: int | None) -> None:
    """Leaves nothing of a person who was deleted between the commit and this."""
    stamp_user(user_id, interaction_id)
    if not user_exists(user_id=user_id):
        stamp_forget(_name(user_id))


def forget_user_on_commit(user: User) -> None:
    """Removes what was recorded about a person who is being deleted, and their stamp once that has committed."""
    CacheInvalidation.objects.filter(name=_name(user.pk)).delete()
    transaction.on_commit(partial(stamp_forget, _name(user.pk)))


def user_stamp_key(user_id: int) -> str:
    return stamp_key(_name(user_id))


def catalogue_stamp_key() -> str:
    return stamp_key(CATALOGUE)


def _name(user_id: int) -> str:
    return f"user:{user_id}"
