"""Reads groups as their members see them."""

import uuid
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import Prefetch, Q, QuerySet
from django.utils import timezone

from accounts.models import GroupMember, User, WatchGroup

INVITATION_DAYS = 14
# Who ended a group can be read this long.
ENDED_DAYS = 30
# The newest groups of a person; older ones are still groups, and each can be read by its id.
MAX_GROUPS_LISTED = 100

PENDING, ACTIVE, EXPIRED, ENDED = "pending", "active", "expired", "ended"
INVITED, ACCEPTED, LEFT = "invited", "accepted", "left"
# The states with what they mean, as the API documents them.
GROUP_STATES = [
    (PENDING, "somebody has not accepted yet"),
    (ACTIVE, "everybody has accepted: lists are made"),
    (EXPIRED, "an invitation was not accepted in time"),
    (ENDED, "a member has left"),
]
MEMBER_STATES = [(INVITED, "has not accepted"), (ACCEPTED, "has accepted"), (LEFT, "has ended the group")]


def groups_of(*, user: User) -> list[dict[str, Any]]:
    """The groups that the person made, has accepted or is invited to, newest first. Two queries."""
    found = _visible(user).order_by("-created_at", "pk")[:MAX_GROUPS_LISTED]
    return [group_shown(group=group, user=user) for group in found]


def group_read(*, user: User, group_id: uuid.UUID) -> WatchGroup:
    """One of the person's groups. Raises WatchGroup.DoesNotExist, also for groups of other people. Two queries."""
    return _visible(user).get(pk=group_id)


def group_shown(*, group: WatchGroup, user: User) -> dict[str, Any]:
    """The group as one member sees it.

    An invitation that was declined looks like one that nobody has read: otherwise it would reveal an account.
    """
    members = list(group.members.all())
    own = next(member for member in members if _is(member, user))
    return {
        "id": group.pk,
        "state": group_state(group, members),
        "created_at": group.created_at,
        "expires_at": None if all(member.user_id for member in members) else expires_at(group),
        "ended_at": group.ended_at,
        "you": member_state(own),
        "members": [
            {"email": member.email, "state": member_state(member), "made_it": member.position == 0}
            for member in members
        ],
    }


def group_state(group: WatchGroup, members: Iterable[GroupMember]) -> str:
    """Lists are made only for an active group: everybody has accepted, nobody has left."""
    if group.ended_at is not None:
        return ENDED
    if all(member.user_id is not None for member in members):
        return ACTIVE
    return PENDING if expires_at(group) > timezone.now() else EXPIRED


def member_state(member: GroupMember) -> str:
    if member.left_at is not None:
        return LEFT
    return INVITED if member.user_id is None else ACCEPTED


def expires_at(group: WatchGroup) -> datetime:
    """When invitations to the group end."""
    return group.created_at + timedelta(days=INVITATION_DAYS)


def group_members_for_list(*, user: User, group_id: uuid.UUID) -> Sequence[GroupMember]:
    """The members of an active group of the person, with their users, in the order of the group. Two queries.

    Raises ValidationError naming ``group`` if there is no such group of theirs, or if not everybody has accepted. A
    member who may not sign in counts as one who has left.
    """
    try:
        group = _visible(user).get(pk=group_id)
    except WatchGroup.DoesNotExist as error:
        raise ValidationError({"group": "You have no such group."}) from error
    members = list(group.members.all())
    state = group_state(group, members)
    if state == ACTIVE and all(member.user is not None and member.user.is_active for member in members):
        return members
    waiting = "Not everybody has accepted the invitation yet."
    raise ValidationError({"group": waiting if state == PENDING else "This group has ended."})


def _visible(user: User) -> QuerySet[WatchGroup]:
    """The groups that the person may read."""
    own = Q(user=user)
    if user.group_invitations:
        since = timezone.now() - timedelta(days=INVITATION_DAYS)
        own |= Q(email=user.email, user=None, declined_at=None, group__ended_at=None, group__created_at__gt=since)
    mine = GroupMember.objects.filter(own).values("group_id")
    members = Prefetch("members", GroupMember.objects.select_related("user"))
    return WatchGroup.objects.filter(pk__in=mine).prefetch_related(members)


def _is(member: GroupMember, user: User) -> bool:
    return member.user_id == user.pk or (member.user_id is None and member.email == user.email)
