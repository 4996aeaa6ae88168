"""Requests and answers of the group endpoints."""

from typing import Any

from rest_framework import serializers

from accounts.groups import selectors
from accounts.groups.services import MAX_MEMBERS, MIN_MEMBERS


class InvitedField(serializers.ListField):
    """E-mail addresses, whose number is checked before they are."""

    default_error_messages = {"max_length": "Ensure this field has no more than {max_length} elements."}

    def to_internal_value(self, data: Any) -> list[Any]:
        if isinstance(data, list) and len(data) > MAX_MEMBERS:
            self.fail("max_length", max_length=MAX_MEMBERS)
        return super().to_internal_value(data)


class GroupCreateSerializer(serializers.Serializer[Any]):
    members = InvitedField(
        child=serializers.EmailField(max_length=254),
        allow_empty=False,
        min_length=1,  # For the schema, which does not know allow_empty.
        max_length=MAX_MEMBERS,
        help_text=(
            "E-mail addresses of the people to invite; "
            f"with you, listed or not, the group has {MIN_MEMBERS} to {MAX_MEMBERS} people."
        ),
    )


class GroupMemberSerializer(serializers.Serializer[Any]):
    email = serializers.EmailField()
    state = serializers.ChoiceField(
        choices=selectors.MEMBER_STATES,
        help_text="Declining is not shown: the member stays invited until the invitation expires.",
    )
    made_it = serializers.BooleanField(help_text="Whether this member made the group.")


class WatchGroupSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    state = serializers.ChoiceField(choices=selectors.GROUP_STATES)
    created_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField(allow_null=True, help_text="When the invitations end; null once accepted.")
    ended_at = serializers.DateTimeField(allow_null=True)
    you = serializers.ChoiceField(choices=selectors.MEMBER_STATES)
    members = GroupMemberSerializer(many=True)


class WatchGroupListSerializer(serializers.Serializer[Any]):
    items = WatchGroupSerializer(many=True)
    next_cursor = serializers.CharField(
        allow_null=True, help_text=f"Always null: the newest {selectors.MAX_GROUPS_LISTED} groups are listed."
    )
