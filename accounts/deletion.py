"""Deletes a user and all of their data.

Rows in the tables of other apps are deleted by their foreign keys (CASCADE). Data outside the database, such as lists
in Redis, is deleted by cleaners that those apps register here.
"""

import json
import re
from collections.abc import Callable

from django.contrib.admin.models import LogEntry
from django.contrib.auth import SESSION_KEY
from django.contrib.contenttypes.models import ContentType
from django.contrib.sessions.models import Session
from django.db import transaction
from django.db.models import CASCADE, CharField, Q
from django.db.models.functions import Cast

from accounts.access_changes import access_changing
from accounts.models import AccountMail, User
from accounts.privacy.erasures import erasure_record

Cleaner = Callable[[User], None]
_cleaners: list[Cleaner] = []


def on_user_delete(cleaner: Cleaner) -> None:
    """Registers ``cleaner``, which each deletion calls in its transaction, with the user locked and all rows in place.

    A cleaner deletes data outside the database in ``transaction.on_commit``. Call this from ``AppConfig.ready``.
    """
    if cleaner not in _cleaners:
        _cleaners.append(cleaner)


def user_delete(*, user_id: int) -> bool:
    """Deletes a user: their rows in every table, their sessions, and what the registered cleaners delete elsewhere.

    The lines of the admin's log stay, without personal data, and a tombstone for restored backups. Returns False if
    there is no such user.

    The user is locked first. A concurrent write for the user waits, then raises User.DoesNotExist (see
    ``accounts.selectors.user_lock_shared``); rows written before the lock are deleted. So no traffic has to stop.
    """
    with access_changing(f"user:{user_id}"), transaction.atomic():
        user = User.objects.select_for_update().filter(pk=user_id).first()
        if user is None:
            return False
        for cleaner in _cleaners:
            cleaner(user)
        _sessions_delete(user)
        AccountMail.objects.filter(email=user.email).delete()
        log_clean_of_rows(user)
        _log_clean(user)
        erasure_record(user=user)
        user.delete()
    return True


def _sessions_delete(user: User) -> None:
    """Deletes the user's sessions. Decodes all of them, which are few: only staff have sessions."""
    Session.objects.filter(pk__in=sessions_of(user)).delete()


def sessions_of(user: User) -> list[str]:
    """The keys, as they are stored, of the user's sessions."""
    own = str(user.pk)
    return [row.pk for row in Session.objects.iterator() if str(row.get_decoded().get(SESSION_KEY)) == own]


def log_clean_of_rows(user: User) -> None:
    """Anonymises log lines about the user's rows, such as ratings: they quote the user, the movie and the value.

    A line about a row that is deleted already is found by its quotation: it ends with the user's id, and in lines of
    earlier releases begins with it.
    """
    quoted = Q(object_repr__startswith=f"{user.pk} ") | Q(object_repr__endswith=f" by user {user.pk}")
    for relation in User._meta.related_objects:
        if relation.on_delete is not CASCADE or relation.related_model is LogEntry:
            continue
        model = relation.related_model
        rows = model._base_manager.filter(**{relation.field.name: user}).annotate(number=Cast("pk", CharField()))
        theirs = Q(object_id__in=rows.values("number")) | quoted
        lines = LogEntry.objects.filter(theirs, content_type=ContentType.objects.get_for_model(model))
        lines.update(object_repr=f"{model._meta.verbose_name} of user {user.pk}", change_message="")


def _log_clean(user: User) -> None:
    """Replaces the user's name in the admin's log by their id, and their e-mail address wherever a line quotes it."""
    name = f"user {user.pk}"
    about = Q(content_type=ContentType.objects.get_for_model(User), object_id=str(user.pk))
    LogEntry.objects.filter(about).update(object_repr=name, change_message="")
    if not user.email:
        return
    # A message is JSON, which may escape characters of the address.
    spellings = {user.email, json.dumps(user.email)[1:-1]}
    mentions = Q()
    for spelling in spellings:
        mentions |= Q(object_repr__icontains=spelling) | Q(change_message__icontains=spelling)
    # Matches the whole address only, not the end of a longer one.
    pattern = re.compile(rf"(?<![\w.+-])(?:{'|'.join(map(re.escape, spellings))})(?![\w-]|\.\w)", re.IGNORECASE)
    for entry in LogEntry.objects.filter(mentions):
        entry.object_repr = pattern.sub(name, entry.object_repr)
        entry.change_message = pattern.sub(name, entry.change_message)
        entry.save(update_fields=["object_repr", "change_message"])
