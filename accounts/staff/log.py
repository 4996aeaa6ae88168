"""What staff look at and do with people, in the admin's log."""

from typing import Any

from django.contrib.admin.models import CHANGE, DELETION, LogEntry
from django.contrib.contenttypes.models import ContentType

from accounts.models import User

# Beside Django's flags of 1 to 3: somebody looked, and changed nothing.
VIEW = 4


def view_log(*, staff: Any, user_id: int, text: str) -> None:
    """Records that ``staff`` looked at what is stored of a person. One query, or two."""
    _log(staff, user_id, VIEW, text)


def act_log(*, staff: Any, user_id: int, text: str, deleted: bool = False) -> None:
    """Records what ``staff`` did with a person. ``text`` must not hold what identifies the person."""
    _log(staff, user_id, DELETION if deleted else CHANGE, text)


def _log(staff: Any, user_id: int, flag: int, text: str) -> None:
    LogEntry.objects.create(
        user_id=staff.pk,
        content_type=ContentType.objects.get_for_model(User),
        object_id=str(user_id),
        # Not the address: the log outlives the person, and may be read by more staff.
        object_repr=f"user {user_id}",
        action_flag=flag,
        change_message=text,
    )
