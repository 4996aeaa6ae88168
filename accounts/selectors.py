"""Reading people."""

from collections.abc import Mapping
from typing import Any

from accounts.models import User


def login_name(data: Mapping[str, Any]) -> str:
    """The account that a sign-in names, as ``email`` or, in OAuth2's form, ``username``; empty where it names none.

    The limiter counts by it and the sign-in looks it up, so that both mean the same account.
    """
    name = data.get("email") or data.get("username") or ""
    return User.objects.normalize_email(name) if isinstance(name, str) else ""


def user_get(*, user_id: int) -> User | None:
    """The person with this id, or None."""
    return User.objects.filter(pk=user_id).first()
