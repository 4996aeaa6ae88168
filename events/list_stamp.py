"""The stamps that decide whether a person's cached list still holds; see movies.stamps for how they work."""

from functools import partial

from django.db import transaction

from movies.stamps import CATALOGUE, stamp, stamp_key
from movies.stamps import stamp_catalogue as stamp_all

__all__ = ["all_stamp_key", "stamp_all", "stamp_user", "stamp_user_on_commit", "user_stamp_key"]


def stamp_user(user_id: int) -> None:
    """Says that this person's list may be wrong: they did something."""
    stamp(f"user:{user_id}")


def stamp_user_on_commit(user_id: int) -> None:
    """The same, once the transaction this runs in has committed."""
    transaction.on_commit(partial(stamp_user, user_id))


def user_stamp_key(user_id: int) -> str:
    return stamp_key(f"user:{user_id}")


def all_stamp_key() -> str:
    return stamp_key(CATALOGUE)
