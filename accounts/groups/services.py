"""Makes groups, accepts and declines invitations, and ends groups."""

import uuid
from collections.abc import Sequence
from datetime import timedelta

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from accounts.groups.selectors import ENDED_DAYS, EXPIRED, INVITATION_DAYS, group_read, group_state
from accounts.models import GroupMember, User, WatchGroup
from accounts.selectors import user_lock_shared

MIN_MEMBERS, MAX_MEMBERS = 2, 10
# Groups that one person has made and that have not ended: a bound on the invitations they can send.
MAX_OPEN_GROUPS = 20


def group_create(*, user: User, emails: Sequence[str]) -> WatchGroup:
    """Makes a group of ``user`` and the people with these addresses, who are invited.

    No account is looked for, so the answer and its time are the same for every address. Raises ValidationError naming
    ``members``, and User.DoesNotExist if the person is deleted.
    """
    own = str(user.email)
    invited = [User.objects.normalize_email(email) for email in emails]
    if len(set(invited)) < len(invited):
        raise ValidationError({"members": "Name each person once."})
    everybody = [own, *(email for email in invited if email != own)]
    if not MIN_MEMBERS <= len(everybody) <= MAX_MEMBERS:
        raise ValidationError({"members": f"{MIN_MEMBERS} to {MAX_MEMBERS} people, you among them."})
    now = timezone.now()
    with transaction.atomic():
        # Exclusive, so that requests at once cannot exceed the limit together.
        if not User.objects.select_for_update(no_key=True).filter(pk=user.pk).exists():
            raise User.DoesNotExist
        since = now - timedelta(days=INVITATION_DAYS)
        made = WatchGroup.objects.filter(members__user=user, members__position=0, ended_at=None)
        waiting = made.filter(created_at__gt=since, members__user=None).distinct()
        if waiting.count() >= MAX_OPEN_GROUPS:
            text = f"You have {MAX_OPEN_GROUPS} groups whose members have not accepted yet; end one first."
            raise ValidationError({"members": text})
        group = WatchGroup.objects.create(created_at=now)
        GroupMember.objects.bulk_create(
            GroupMember(
                group=group,
                email=email,
                position=position,
                user=user if position == 0 else None,
                accepted_at=now if position == 0 else None,
            )
            for position, email in enumerate(everybody)
        )
    return group_read(user=user, group_id=group.pk)


def group_accept(*, user: User, group_id: uuid.UUID) -> WatchGroup:
    """Accepts the person's invitation; does nothing if they are a member. Raises WatchGroup.DoesNotExist, and
    ValidationError if the group has ended or the invitation has expired."""
    with transaction.atomic():
        user_lock_shared(user_id=user.pk)
        _lock(group_id)
        group = group_read(user=user, group_id=group_id)
        members = list(group.members.all())
        if group.ended_at is not None or group_state(group, members) == EXPIRED:
            raise ValidationError("This group has ended.")
        invitation = GroupMember.objects.filter(group=group, email=user.email, user=None)
        invitation.update(user=user, accepted_at=timezone.now())
    return group_read(user=user, group_id=group_id)


def group_leave(*, user: User, group_id: uuid.UUID) -> None:
    """Ends the group of a member, or declines the invitation. Raises WatchGroup.DoesNotExist.

    The other members see who has left. Nobody sees who has declined.
    """
    now = timezone.now()
    with transaction.atomic():
        user_lock_shared(user_id=user.pk)
        _lock(group_id)
        group = group_read(user=user, group_id=group_id)
        if GroupMember.objects.filter(group=group, user=user).exists():
            if group.ended_at is None:
                GroupMember.objects.filter(group=group, user=user).update(left_at=now)
                WatchGroup.objects.filter(pk=group.pk).update(ended_at=now)
        else:
            GroupMember.objects.filter(group=group, email=user.email, user=None).update(declined_at=now)


def groups_end_for_deletion(user: User) -> None:
    """Ends all groups of a person who is being deleted: without one of its members, nobody has accepted a group.

    An invitation that they have not accepted stays until it expires. It is what the inviter wrote, whether there is an
    account or not; if it went, the inviter would learn that there was one.
    """
    ids = sorted(GroupMember.objects.filter(user=user).values_list("group_id", flat=True))
    for group_id in ids:
        _lock(group_id)
    WatchGroup.objects.filter(pk__in=ids, ended_at=None).update(ended_at=timezone.now())
    GroupMember.objects.filter(user=user).delete()
    WatchGroup.objects.filter(pk__in=ids).exclude(members__user__isnull=False).delete()


def groups_flush() -> int:
    """Deletes groups that ended ENDED_DAYS ago, and those whose invitations have expired; returns how many."""
    now = timezone.now()
    ended = Q(ended_at__lte=now - timedelta(days=ENDED_DAYS))
    expired = Q(created_at__lte=now - timedelta(days=INVITATION_DAYS), members__user=None)
    ids = list(WatchGroup.objects.filter(ended | expired).distinct().values_list("pk", flat=True))
    WatchGroup.objects.filter(pk__in=ids).delete()
    return len(ids)


def _lock(group_id: uuid.UUID) -> None:
    """Locks the group until the transaction ends. After the user's lock, as everywhere."""
    WatchGroup.objects.select_for_update(no_key=True).filter(pk=group_id).first()
