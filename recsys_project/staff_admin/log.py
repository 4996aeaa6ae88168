"""The admin's log of what staff did to rows. What they do with people is in ``accounts.staff.log``."""

from collections.abc import Iterable
from typing import Any, cast

from django.contrib.admin.models import CHANGE, LogEntry
from django.db.models import Model
from django.http import HttpRequest


def rows_log(request: HttpRequest, rows: Iterable[Model], message: str, *, flag: int = CHANGE) -> None:
    """Writes one line for each row; two queries. It quotes the rows as they are now, so log a deletion before it."""
    LogEntry.objects.log_actions(
        user_id=cast(int, request.user.pk),
        queryset=cast(Any, list(rows)),
        action_flag=flag,
        change_message=message,
    )
