"""What the support page of a person shows: the least that answers their questions.

Other apps register sections of what they store; see ``on_support``.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count, Max, Q

from accounts.models import User
from accounts.totp import has_device


@dataclass(frozen=True, slots=True, kw_only=True)
class SupportSection:
    """One table of the page. ``rows``: texts, or safe HTML with links within the admin, one for each of ``columns``."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]
    note: str = ""


Section = Callable[[User], SupportSection]
_sections: list[Section] = []


def on_support(section: Section) -> None:
    """Registers a section, in a few queries that an index answers. Call this from ``AppConfig.ready``."""
    if section not in _sections:
        _sections.append(section)


def support_sections(user: User) -> list[SupportSection]:
    """The account and what other apps registered, in their order."""
    return [_account(user), *(section(user) for section in _sections)]


def masked(address: str | None) -> str:
    """An address for staff who may not read it: its first letter and its domain.

    >>> masked("ada@example.org")
    'a…@example.org'
    """
    if not address:
        return "no address"
    local, _, domain = address.rpartition("@")
    return f"{local[:1]}…@{domain}"


def _account(user: User) -> SupportSection:
    """Three queries."""
    sign_ins = user.refresh_tokens.aggregate(
        open=Count("pk", filter=Q(revoked_at=None)), newest=Max("rotated_at", filter=Q(revoked_at=None))
    )
    facts = [
        ("Account", _state(user)),
        ("Joined", _moment(user.date_joined)),
        ("Last sign-in", _moment(user.last_login)),
        ("Open sign-ins", sign_ins["open"]),
        ("Last renewed", _moment(sign_ins["newest"])),
        ("Second factor", "yes" if has_device(user.pk) else "no"),
        ("Lists", "personal" if user.personalisation else "paused by the person: nothing is recorded"),
        ("Invitations to groups", "shown" if user.group_invitations else "off"),
        ("Taste reset", _moment(user.taste_reset_at)),
    ]
    return SupportSection(title="Account", columns=("", ""), rows=facts)


def _state(user: User) -> str:
    if user.client_id is not None:
        kind = "user of a client application"
    elif user.dataset:
        kind = f"imported with {user.dataset}"
    else:
        kind = "signs in by e-mail" if user.email else "has no address"
    staff = ", staff" if user.is_staff else ""
    return f"{'active' if user.is_active else 'inactive: cannot sign in'}, {kind}{staff}"


def _moment(moment: datetime | None) -> str:
    return "never" if moment is None else f"{moment:%Y-%m-%d %H:%M} UTC"
