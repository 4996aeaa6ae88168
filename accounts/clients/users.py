"""The users of clients. A client names them by its own ids; the same id at two clients is two users."""

import unicodedata
from collections.abc import Collection
from typing import Any

from django.contrib.admin.models import LogEntry
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import connection
from django.db.models import CASCADE

from accounts.deletion import user_delete
from accounts.models import EXTERNAL_ID_LENGTH, User
from accounts.selectors import user_select

# In the order of the model, as ``from_db`` takes them.
_READ_FIELDS = ("id", "is_active", "external_id")
_READ = """
    SELECT id, is_active, external_id FROM accounts_user WHERE client_id = %s AND external_id = ANY(%s::varchar[])
"""
_EXPORTED = ("external_id", "display_name", "is_active", "date_joined")


def external_id_problem(text: str) -> str | None:
    """What is wrong with an id, for people; None if nothing is.

    Each id can stand in a path, so a few are refused that a path cannot hold.
    """
    if not 1 <= len(text) <= EXTERNAL_ID_LENGTH:
        return f"From 1 to {EXTERNAL_ID_LENGTH} characters."
    # Control characters, lone surrogates, and line and paragraph separators: none of them is printable.
    if not text.isprintable() and any(unicodedata.category(each) in ("Cc", "Cs", "Zl", "Zp") for each in text):
        return "No control characters."
    # What Django reads where a query is not UTF-8: two different ids would become one user.
    if "\ufffd" in text:
        return "This is not UTF-8."
    if text != text.strip():
        return "No spaces at the start or the end."
    if text in (".", "..") or text.startswith("/") or text.endswith(("/", "/export")):
        return "It cannot stand in a path: not . or .., no / at the start or the end, and no /export at the end."
    return None


def client_user_find(*, client_id: int, external_id: str) -> User | None:
    """The client's user of this id, if they exist. One query."""
    return user_select("client_id = %s AND external_id = %s", [client_id, external_id])


def client_user_get_or_create(*, client_id: int, external_id: str) -> tuple[User, bool]:
    """The client's user of this id, and whether they are new: an id never seen makes one, two requests at once too.

    One query if they exist. Raises ValidationError naming ``user``, and PermissionDenied if staff deactivated the user.
    """
    problem = external_id_problem(external_id)
    if problem:
        raise ValidationError({"user": problem})
    user, created = client_user_find(client_id=client_id, external_id=external_id), False
    if user is None:
        # As for imported people: no password fits.
        new = {"password": "!"}
        user, created = User.objects.get_or_create(client_id=client_id, external_id=external_id, defaults=new)
    if not user.is_active:
        raise PermissionDenied("This user is not active.")
    return user, created


def client_users_get_or_create(
    *, client_id: int, external_ids: Collection[str]
) -> tuple[dict[str, User], dict[str, Exception]]:
    """``client_user_get_or_create`` for many ids: the users, and what it raises for each of the others, by id.

    One query if they all exist. The users have the fields of ``_READ_FIELDS``; others are read when they are used.
    """
    with connection.prepared_cursor() as cursor:  # type: ignore[attr-defined]
        cursor.execute(_READ, [client_id, list(external_ids)])
        found = {row[2]: User.from_db(connection.alias, _READ_FIELDS, row) for row in cursor.fetchall()}
    users: dict[str, User] = {}
    problems: dict[str, Exception] = {}
    for external_id in external_ids:
        user = found.get(external_id)
        if user is not None and user.is_active:
            users[external_id] = user
            continue
        try:
            users[external_id], _ = client_user_get_or_create(client_id=client_id, external_id=external_id)
        except (ValidationError, PermissionDenied) as problem:
            problems[external_id] = problem
    return users, problems


def client_user_put(*, client_id: int, external_id: str, display_name: str) -> tuple[User, bool]:
    """Makes the client's user be there under this name. Returns them and whether they are new.

    Raises what ``client_user_get_or_create`` raises, and User.DoesNotExist if they are deleted meanwhile.
    """
    user, created = client_user_get_or_create(client_id=client_id, external_id=external_id)
    if user.display_name != display_name:
        if not User.objects.filter(pk=user.pk).update(display_name=display_name):
            raise User.DoesNotExist
        user.display_name = display_name
    return user, created


def client_user_delete(*, client_id: int, external_id: str) -> bool:
    """Deletes the client's user and everything of theirs. Returns False if there is none."""
    user = client_user_find(client_id=client_id, external_id=external_id)
    return user is not None and user_delete(user_id=user.pk)


def client_user_export(*, user: User) -> dict[str, Any]:
    """All rows of the user, by the name of their table's relation to users: those that a deletion deletes."""
    exported: dict[str, Any] = {"user": {name: getattr(user, name) for name in _EXPORTED}}
    for relation in User._meta.related_objects:
        if relation.on_delete is not CASCADE or relation.related_model is LogEntry:
            continue
        model, own = relation.related_model, relation.field.attname
        fields = [field.attname for field in model._meta.concrete_fields if field.attname != own]
        rows = model._base_manager.filter(**{own: user.pk}).order_by("pk").values(*fields)
        exported[str(relation.get_accessor_name())] = list(rows)
    return exported
