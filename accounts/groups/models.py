"""Groups and their members."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models.functions import Lower
from django.utils import timezone


class WatchGroup(models.Model):
    """People who want lists together. Its members never change: whoever leaves ends it."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    ended_at = models.DateTimeField(null=True, blank=True, help_text="When a member left; empty until then.")

    def __str__(self) -> str:
        return f"group {self.pk}"


class GroupMember(models.Model):
    """One member of a group, invited by e-mail address. ``user`` is empty until they accept.

    An invitation is stored without looking for an account, so that nothing about it depends on whether there is one.
    """

    group = models.ForeignKey(WatchGroup, on_delete=models.CASCADE, db_index=False, related_name="members")
    email = models.EmailField(help_text="The address that was invited, in lower case.")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, null=True, blank=True, related_name="group_memberships"
    )
    position = models.PositiveSmallIntegerField(help_text="The place in the group; 0 is who made it.")
    accepted_at = models.DateTimeField(null=True, blank=True)
    declined_at = models.DateTimeField(null=True, blank=True, help_text="Shown to nobody.")
    left_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["position"]
        constraints = [
            # Consumer: the members of a group, in their order.
            models.UniqueConstraint(fields=["group", "position"], name="group_member_position"),
            models.UniqueConstraint(fields=["group", "email"], name="group_member_once"),
            models.CheckConstraint(condition=models.Q(email=Lower("email")), name="group_member_email_lower_case"),
            models.CheckConstraint(
                condition=models.Q(user__isnull=True, accepted_at__isnull=True)
                | models.Q(user__isnull=False, accepted_at__isnull=False),
                name="group_member_accepted_with_user",
            ),
        ]
        indexes = [
            # Consumer: the invitations of an address that nobody has accepted yet.
            models.Index(fields=["email"], condition=models.Q(user__isnull=True), name="group_member_invited"),
        ]

    def __str__(self) -> str:
        return f"place {self.position} of group {self.group_id}"
