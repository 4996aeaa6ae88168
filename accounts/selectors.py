"""Reading people."""

from collections.abc import Collection, Mapping
from functools import cache as once
from typing import Any

from django.db import connection

from accounts.models import User


def login_name(data: Mapping[str, Any]) -> str:
    """The account that a sign-in names, as ``email`` or, in OAuth2's form, ``username``; empty where it names none."""
    name = data.get("email") or data.get("username") or ""
    return User.objects.normalize_email(name) if isinstance(name, str) else ""


def has_privileges(*, user: User) -> bool:
    """Whether the person has any right that others do not, in force or waiting until they are staff again."""
    return user.is_staff or user.is_superuser or user.groups.exists() or user.user_permissions.exists()


def user_read(*, user_id: int) -> User:
    """The person with this id, with all fields. Raises User.DoesNotExist, also for what is no id. One statement.

    Every request with a token asks this; putting it together as a queryset took three times as long as the answer.
    """
    with connection.prepared_cursor() as cursor:  # type: ignore[attr-defined]
        cursor.execute(_read_statement(), [user_id])
        row = cursor.fetchone()
    if row is None:
        raise User.DoesNotExist
    return User.from_db(connection.alias, _columns()[0], row)


def user_hold(*, user_id: int) -> None:
    """Keeps a person from being deleted until the transaction ends. Raises User.DoesNotExist where they already were.

    Whoever writes rows of a person calls it before the first of them: then a deletion, which locks the person too,
    comes wholly before or wholly after, and neither waits for the other in a circle. Several hold a person at once.
    """
    with connection.prepared_cursor() as cursor:  # type: ignore[attr-defined]
        cursor.execute("SELECT 1 FROM accounts_user WHERE id = %s FOR KEY SHARE", [user_id])
        if cursor.fetchone() is None:
            raise User.DoesNotExist


def user_exists(*, user_id: int) -> bool:
    """Whether the person is still there. For what was written outside the database on their behalf a moment ago."""
    with connection.prepared_cursor() as cursor:  # type: ignore[attr-defined]
        cursor.execute("SELECT 1 FROM accounts_user WHERE id = %s", [user_id])
        return cursor.fetchone() is not None


@once
def _columns() -> tuple[list[str], list[str]]:
    """The names of User's fields and of their columns."""
    fields = User._meta.concrete_fields
    return [field.attname for field in fields], [connection.ops.quote_name(str(field.column)) for field in fields]


@once
def _read_statement() -> str:
    return f"SELECT {', '.join(_columns()[1])} FROM {User._meta.db_table} WHERE id = %s"  # noqa: S608 -- no input in it.


def users_sharing(*, emails: Collection[str]) -> dict[str, User]:
    """Those of these addresses (lower case) whose people may sign in and allow lists for groups, by address.

    Nobody learns from an address that is missing whether it has an account. One query.
    """
    found = User.objects.filter(email__in=emails, is_active=True, share_with_groups=True)
    return {str(user.email): user for user in found}
