"""Requests and answers of the privacy endpoints."""

from typing import Any

from rest_framework import serializers

from accounts.api.serializers import PasswordField


class AccountDeleteSerializer(serializers.Serializer[Any]):
    password = PasswordField(help_text="Your own, so that a token alone cannot delete you.")
