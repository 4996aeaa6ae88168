"""Invalidates a person's cached list by replacing their version token; see movies.caching.version_tokens."""

import secrets
from collections.abc import Collection, Iterable, Sequence
from functools import partial

from django.db import transaction

from accounts.models import User
from accounts.selectors import user_exists, users_missing
from movies.caching.version_tokens import (
    CATALOGUE,
    delete_token,
    invalidate,
    invalidate_each,
    record_invalidation,
    token_key,
    trusted_keys,
)
from movies.models import CacheInvalidation


def invalidate_user(user_id: int, interaction_id: int | None = None) -> None:
    """Invalidates this person's list, because of the event ``interaction_id`` if one is given."""
    invalidate(_name(user_id), change="" if interaction_id is None else str(interaction_id))


def invalidate_users(interactions: Iterable[tuple[int, int]]) -> bool:
    """Invalidates lists for pairs of (interaction id, user id); returns whether Redis took the tokens."""
    return invalidate_each((_name(user_id), str(interaction_id)) for interaction_id, user_id in interactions)


def invalidate_user_on_commit(user_id: int, interaction_id: int | None = None) -> None:
    """Invalidates this person's list once the current transaction has committed.

    The sweep finds an interaction by its row; without one, the change is recorded in PostgreSQL for the sweep.
    """
    if interaction_id is None:
        record_invalidation(_name(user_id))
    transaction.on_commit(partial(_invalidate_committed, user_id, interaction_id))


def _invalidate_committed(user_id: int, interaction_id: int | None) -> None:
    """Leaves no token of a person who was deleted between the commit and this call."""
    invalidate_user(user_id, interaction_id)
    if not user_exists(user_id=user_id):
        delete_token(_name(user_id))


def invalidate_users_on_commit(interactions: Sequence[tuple[int, int]]) -> None:
    """Invalidates the lists of people once the current transaction has committed, because of pairs of (interaction id,
    user id). One round trip to Redis and one query, however many pairs."""
    if interactions:
        transaction.on_commit(partial(_invalidate_users_committed, interactions))


def _invalidate_users_committed(interactions: Sequence[tuple[int, int]]) -> None:
    """Leaves no token of people who were deleted between the commit and this call."""
    invalidate_users(interactions)
    for user_id in users_missing(user_ids={user_id for _, user_id in interactions}):
        delete_token(_name(user_id))


def invalidate_lists_on_commit(user_ids: Collection[int]) -> None:
    """Invalidates the lists of people, for whom no event says so, once the current transaction has committed.

    Records it for the sweep. Two queries and one round trip to Redis, however many people.
    """
    if not user_ids:
        return
    rows = (CacheInvalidation(name=_name(user_id), token=secrets.randbits(63)) for user_id in sorted(user_ids))
    CacheInvalidation.objects.bulk_create(rows)
    transaction.on_commit(partial(_invalidate_lists_committed, user_ids))


def _invalidate_lists_committed(user_ids: Collection[int]) -> None:
    """Leaves no token of people who were deleted between the commit and this call."""
    invalidate_each((_name(user_id), "") for user_id in user_ids)
    for user_id in users_missing(user_ids=set(user_ids)):
        delete_token(_name(user_id))


def forget_user_on_commit(user: User) -> None:
    """Removes the recorded changes of a person who is being deleted, and their token once that has committed."""
    CacheInvalidation.objects.filter(name=_name(user.pk)).delete()
    transaction.on_commit(partial(delete_token, _name(user.pk)))


def list_token_keys(user_id: int) -> list[str] | None:
    """The Redis keys of the tokens that the person's list depends on: their own and the catalogue's.

    None while a token that this process has to set has not reached Redis: until then no token can be trusted.
    """
    return trusted_keys([_name(user_id), CATALOGUE])


def catalogue_token_key() -> str:
    """The Redis key of the catalogue's token."""
    return token_key(CATALOGUE)


def _name(user_id: int) -> str:
    return f"user:{user_id}"
