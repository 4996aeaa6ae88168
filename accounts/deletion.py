"""Deleting a person, and all that is known of them.

A person's rows stand in the tables of apps that this one knows nothing of, and foreign keys take them along. What they
have outside the database, such as lists in Redis, those apps remove by what they register here.
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

from accounts.models import User

Cleaner = Callable[[User], None]
_cleaners: list[Cleaner] = []


def on_user_delete(cleaner: Cleaner) -> None:
    """Has ``cleaner`` called in each deletion's transaction, when the person is locked and their rows still stand.

    What is outside the database it removes by ``transaction.on_commit``. Registered in ``AppConfig.ready``.
    """
    if cleaner not in _cleaners:
        _cleaners.append(cleaner)


def user_delete(*, user_id: int) -> bool:
    """Deletes a person with their rows in every table, their sessions, what the apps above keep elsewhere, and what the
    admin's log says of them, whose lines stay; False where there is no such person (any more).

    The person is locked first. A request that is about to write for them waits, and then finds them gone (see
    ``accounts.selectors.user_hold``); what was written before is deleted too. So nobody has to be quiet meanwhile.
    """
    with transaction.atomic():
        user = User.objects.select_for_update().filter(pk=user_id).first()
        if user is None:
            return False
        for cleaner in _cleaners:
            cleaner(user)
        _sessions_delete(user)
        _log_clean_of_rows(user)
        _log_clean(user)
        user.delete()
    return True


def _sessions_delete(user: User) -> None:
    """Only staff have sessions, and whose one is stands inside it."""
    own = str(user.pk)
    keys = [row.pk for row in Session.objects.iterator() if str(row.get_decoded().get(SESSION_KEY)) == own]
    Session.objects.filter(pk__in=keys).delete()


def _log_clean_of_rows(user: User) -> None:
    """Lines about rows that go with the person, such as a rating, quote them: whose it was, which movie, how much.

    Of a row that somebody deleted before, the line is known by the person's number, with which the quotation begins.
    """
    for relation in User._meta.related_objects:
        if relation.on_delete is not CASCADE or relation.related_model is LogEntry:
            continue
        model = relation.related_model
        rows = model._base_manager.filter(**{relation.field.name: user}).annotate(number=Cast("pk", CharField()))
        theirs = Q(object_id__in=rows.values("number")) | Q(object_repr__startswith=f"{user.pk} ")
        lines = LogEntry.objects.filter(theirs, content_type=ContentType.objects.get_for_model(model))
        lines.update(object_repr=f"{model._meta.verbose_name} of user {user.pk}", change_message="")


def _log_clean(user: User) -> None:
    """What was done to the person stays in the admin's log under their number, and no line names their address."""
    name = f"user {user.pk}"
    about = Q(content_type=ContentType.objects.get_for_model(User), object_id=str(user.pk))
    LogEntry.objects.filter(about).update(object_repr=name, change_message="")
    if not user.email:
        return
    # A message is JSON, in which an address may be spelt in other letters.
    spellings = {user.email, json.dumps(user.email)[1:-1]}
    mentions = Q()
    for spelling in spellings:
        mentions |= Q(object_repr__icontains=spelling) | Q(change_message__icontains=spelling)
    # The whole address, and not the end of a longer one.
    pattern = re.compile(rf"(?<![\w.+-])(?:{'|'.join(map(re.escape, spellings))})(?![\w-]|\.\w)", re.IGNORECASE)
    for entry in LogEntry.objects.filter(mentions):
        entry.object_repr = pattern.sub(name, entry.object_repr)
        entry.change_message = pattern.sub(name, entry.change_message)
        entry.save(update_fields=["object_repr", "change_message"])
