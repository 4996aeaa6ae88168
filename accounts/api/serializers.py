"""Request and response serializers of the account endpoints."""

from typing import Any

from django.core.validators import EmailValidator
from rest_framework import serializers

from accounts import addresses, passwords
from accounts.models import User
from accounts.selectors import login_name


class PasswordField(serializers.CharField):
    """A password as typed, spaces included. Its length is limited, since hashing takes time."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs |= {"write_only": True, "trim_whitespace": False, "max_length": passwords.MAX_LENGTH}
        super().__init__(style={"input_type": "password"}, **kwargs)


class AddressField(serializers.EmailField):
    """An e-mail address in its one spelling, instead of as Django's validator has it."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=addresses.MAX_LENGTH, **kwargs)
        self.validators = [each for each in self.validators if not isinstance(each, EmailValidator)]

    def to_internal_value(self, data: Any) -> str:
        return addresses.validated(super().to_internal_value(data))


class RegisterSerializer(serializers.Serializer[User]):
    email = AddressField()
    password = PasswordField()
    display_name = serializers.CharField(max_length=80, required=False, default="", allow_blank=True)


class RegisteredSerializer(serializers.ModelSerializer[User]):
    """The new person, signed in."""

    access = serializers.CharField()
    refresh = serializers.CharField()

    class Meta:
        model = User
        fields = ("id", "email", "display_name", "access", "refresh")


class RegisterConfirmSerializer(serializers.Serializer[Any]):
    token = serializers.CharField(max_length=500, help_text="From the link in the mail.")
    password = PasswordField(help_text="The one that was registered with.")


class ResetSerializer(serializers.Serializer[Any]):
    email = AddressField()


class ResetConfirmSerializer(serializers.Serializer[Any]):
    token = serializers.CharField(max_length=500, help_text="From the link in the mail.")
    password = PasswordField(help_text="The new one.")


class MailedSerializer(serializers.Serializer[Any]):
    """The same for every address."""

    detail = serializers.CharField()


class SignInSerializer(serializers.Serializer[User]):
    """A sign-in as JSON. ``email`` is another name for ``username``."""

    grant_type = serializers.ChoiceField(choices=["password"], required=False)
    username = serializers.CharField(max_length=254, required=False)
    email = serializers.CharField(max_length=254, required=False)
    password = PasswordField()

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs.get("email") and attrs.get("username") and attrs["email"] != attrs["username"]:
            raise serializers.ValidationError({"username": "Give either email or username, or the same in both."})
        attrs["login"] = login_name(attrs)
        if not attrs["login"]:
            raise serializers.ValidationError({"username": "Give the account's e-mail address here or as email."})
        return attrs


class TokensSerializer(serializers.Serializer[Any]):
    """Tokens under OAuth2's names, and again under the short names of simplejwt."""

    access_token = serializers.CharField(source="access")
    refresh_token = serializers.CharField(source="refresh")
    token_type = serializers.CharField(read_only=True, default="Bearer")
    expires_in = serializers.IntegerField(help_text="Seconds until the access token expires.")
    access = serializers.CharField()
    refresh = serializers.CharField()


class RefreshSerializer(serializers.Serializer[Any]):
    refresh = serializers.CharField(max_length=4096)


class RefreshedSerializer(serializers.Serializer[Any]):
    access = serializers.CharField()
    refresh = serializers.CharField()


class PasswordChangeSerializer(serializers.Serializer[Any]):
    old_password = PasswordField()
    new_password = PasswordField()


class MeSerializer(serializers.ModelSerializer[User]):
    class Meta:
        model = User
        fields = ("id", "email", "display_name", "group_invitations", "personalisation", "date_joined")
        read_only_fields = ("id", "email", "date_joined")
