"""Pausing personalisation: nothing a person does is recorded until they end the pause."""

from collections.abc import Collection

from django.db import connection

from accounts.models import User


class PersonalisationPausedError(Exception):
    """The person has paused personalisation, so the event is not recorded."""


def user_lock_to_record(*, user_id: int) -> None:
    """Locks the user (FOR SHARE), so that they can neither be deleted nor pause until the transaction ends. One query.

    Call it before the first write of what a person did: an event comes entirely before a pause, or is refused.
    Otherwise as ``accounts.selectors.user_lock_shared``. Raises User.DoesNotExist and PersonalisationPausedError.
    """
    with connection.prepared_cursor() as cursor:  # type: ignore[attr-defined]
        cursor.execute("SELECT personalisation FROM accounts_user WHERE id = %s FOR SHARE", [user_id])
        row = cursor.fetchone()
    if row is None:
        raise User.DoesNotExist
    if not row[0]:
        raise PersonalisationPausedError


def users_lock_to_record(*, user_ids: Collection[int], alone: bool = False) -> dict[int, bool]:
    """``user_lock_to_record`` of several people, locked in the order of their ids. One query.

    Returns, for each who exists, whether their events are recorded. alone: no other transaction holds the lock of any
    of them meanwhile.
    """
    strength = "NO KEY UPDATE" if alone else "SHARE"
    query = f"SELECT id, personalisation FROM accounts_user WHERE id = ANY(%s::bigint[]) ORDER BY id FOR {strength}"  # noqa: S608 -- no input in it.
    with connection.prepared_cursor() as cursor:  # type: ignore[attr-defined]
        cursor.execute(query, [list(user_ids)])
        return dict(cursor.fetchall())
