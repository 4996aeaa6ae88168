"""Reads users."""

from collections.abc import Collection, Mapping
from functools import cache as once
from typing import Any
from uuid import UUID

from django.db import connection

from accounts.models import User


def login_name(data: Mapping[str, Any]) -> str:
    """The normalised login of a sign-in, from ``email`` or, in OAuth2's form, ``username``; empty if there is none."""
    name = data.get("email") or data.get("username") or ""
    return User.objects.normalize_email(name) if isinstance(name, str) else ""


def has_privileges(*, user: User) -> bool:
    """Whether the user has any right, including groups and permissions that take effect only once they are staff."""
    return user.is_staff or user.is_superuser or user.groups.exists() or user.user_permissions.exists()


def user_read(*, user_id: int, family: UUID | None = None) -> tuple[User, bool]:
    """The user with this id, with all fields, and whether ``family`` is a sign-in of theirs that was not ended. One
    query. Raises User.DoesNotExist.

    Raw SQL, because every authenticated request runs it: building the queryset took three times as long as the query.
    """
    found = _select("u.id = %s", [user_id], family)
    if found is None:
        raise User.DoesNotExist
    return found


def user_select(condition: str, values: list[Any]) -> User | None:
    """The user for whom this SQL condition holds, with all fields. One query; the condition must hold no input."""
    found = _select(condition, values, None)
    return None if found is None else found[0]


def _select(condition: str, values: list[Any], family: UUID | None) -> tuple[User, bool] | None:
    with connection.prepared_cursor() as cursor:  # type: ignore[attr-defined]
        cursor.execute(f"{_read_statement()} WHERE {condition}", [family, *values])
        row = cursor.fetchone()
    return None if row is None else (User.from_db(connection.alias, _columns()[0], row[:-1]), row[-1])


def user_lock_shared(*, user_id: int) -> None:
    """Locks the user (FOR KEY SHARE), so that they cannot be deleted until the transaction ends. One query.

    Call it before the first write of a user's rows. A deletion, which locks the user exclusively, then comes entirely
    before or after the transaction, and the two cannot deadlock. Several transactions may hold the lock at once.
    Raises User.DoesNotExist if the user is deleted.
    """
    with connection.prepared_cursor() as cursor:  # type: ignore[attr-defined]
        cursor.execute("SELECT 1 FROM accounts_user WHERE id = %s FOR KEY SHARE", [user_id])
        if cursor.fetchone() is None:
            raise User.DoesNotExist


def user_exists(*, user_id: int) -> bool:
    """Whether the user exists. Checked after data of a user was written outside the database."""
    with connection.prepared_cursor() as cursor:  # type: ignore[attr-defined]
        cursor.execute("SELECT 1 FROM accounts_user WHERE id = %s", [user_id])
        return cursor.fetchone() is not None


def users_missing(*, user_ids: Collection[int]) -> set[int]:
    """Those of the ids that no user has. Checked after data of users was written outside the database."""
    with connection.prepared_cursor() as cursor:  # type: ignore[attr-defined]
        cursor.execute("SELECT id FROM accounts_user WHERE id = ANY(%s::bigint[])", [list(user_ids)])
        return set(user_ids) - {pk for (pk,) in cursor.fetchall()}


@once
def _columns() -> tuple[list[str], list[str]]:
    """The names of User's fields, and of their columns, quoted."""
    fields = User._meta.concrete_fields
    return [field.attname for field in fields], [connection.ops.quote_name(str(field.column)) for field in fields]


@once
def _read_statement() -> str:
    living = "accounts_refreshtoken t WHERE t.family = %s AND t.user_id = u.id AND t.revoked_at IS NULL"
    columns = ", ".join(f"u.{column}" for column in _columns()[1])
    return f"SELECT {columns}, EXISTS (SELECT 1 FROM {living}) FROM accounts_user u"  # noqa: S608 -- it holds no input.
