"""The stamps that decide whether a person's cached list still holds; see movies.stamps for how they work."""

from functools import partial

from django.db import transaction

from accounts.models import User
from accounts.selectors import user_exists
from movies.stamps import CATALOGUE, stamp, stamp_forget, stamp_key
from movies.stamps import stamp_catalogue as stamp_all

__all__ = [
    "all_stamp_key",
    "forget_user_on_commit",
    "stamp_all",
    "stamp_user",
    "stamp_user_on_commit",
    "user_stamp_key",
]


def stamp_user(user_id: int) -> None:
    """Says that this person's list may be wrong: they did something."""
    stamp(f"user:{user_id}")


def stamp_user_on_commit(user_id: int) -> None:
    """The same, once the transaction this runs in has committed."""
    transaction.on_commit(partial(_stamp_committed, user_id))


def _stamp_committed(user_id: int) -> None:
    """Leaves nothing of a person who was deleted between the commit and this."""
    stamp_user(user_id)
    if not user_exists(user_id=user_id):
        stamp_forget(f"user:{user_id}")


def forget_user_on_commit(user: User) -> None:
    """Removes the stamp of a person who is being deleted, once that has committed."""
    transaction.on_commit(partial(stamp_forget, f"user:{user.pk}"))


def user_stamp_key(user_id: int) -> str:
    return stamp_key(f"user:{user_id}")


def all_stamp_key() -> str:
    return stamp_key(CATALOGUE)
