"""The token endpoint as OAuth2 has it: a form, and errors in RFC 6749's words instead of the API's own shape."""

import re
from collections.abc import Mapping
from typing import Any

from django.http import QueryDict
from rest_framework import serializers, status
from rest_framework.response import Response

from accounts import services, signins
from accounts.api.serializers import PasswordField, TokensSerializer

FORM = "application/x-www-form-urlencoded"
ERROR_SCHEMA = {
    "type": "object",
    "description": "An error of OAuth2's form (RFC 6749, 5.2).",
    "required": ["error", "error_description"],
    "properties": {
        "error": {"type": "string", "enum": ["invalid_request", "invalid_grant", "unsupported_grant_type"]},
        "error_description": {"type": "string"},
    },
}
# What a description may not hold (RFC 6749, 5.2).
_UNSAYABLE = re.compile(r'[^\x20-\x7e]|["\\]')


class GrantError(Exception):
    """An error of the token endpoint, by OAuth2's code for it."""

    def __init__(self, code: str, description: str) -> None:
        super().__init__(description)
        self.code = code
        self.description = _UNSAYABLE.sub("'", description)


class PasswordGrantSerializer(serializers.Serializer[Any]):
    username = serializers.CharField(max_length=254)
    password = PasswordField()


class RefreshGrantSerializer(serializers.Serializer[Any]):
    refresh_token = serializers.CharField(max_length=4096)


class GrantSerializer(serializers.Serializer[Any]):
    """The form of both grants, for the schema. ``username`` is the e-mail address."""

    grant_type = serializers.ChoiceField(choices=["password", "refresh_token"])
    username = serializers.CharField(max_length=254, required=False)
    password = PasswordField(required=False)
    refresh_token = serializers.CharField(max_length=4096, required=False)
    # Accepted and ignored, like every unknown name: there are no registered OAuth2 clients and no scopes.
    client_id = serializers.CharField(required=False, allow_blank=True)
    client_secret = serializers.CharField(required=False, allow_blank=True)
    scope = serializers.CharField(required=False, allow_blank=True)


def token_response(form: QueryDict) -> Response:
    """The tokens for a form's grant, or its error."""
    try:
        tokens = _tokens(_parameters(form))
    except GrantError as error:
        body = {"error": error.code, "error_description": error.description}
        return Response(body, status=status.HTTP_400_BAD_REQUEST)
    return Response(TokensSerializer(tokens).data)


def _tokens(given: Mapping[str, str]) -> signins.Tokens:
    match given.get("grant_type"):
        case "password":
            fields = _validated(PasswordGrantSerializer(data=given))
            try:
                return services.user_sign_in(email=fields["username"], password=fields["password"])[1]
            except services.InvalidCredentialsError as error:
                raise GrantError("invalid_grant", "Wrong e-mail address or password.") from error
        case "refresh_token":
            fields = _validated(RefreshGrantSerializer(data=given))
            try:
                return signins.tokens_refresh(refresh=fields["refresh_token"])
            except signins.InvalidRefreshTokenError as error:
                raise GrantError("invalid_grant", "This refresh token is not valid. Sign in again.") from error
        case None:
            raise GrantError("invalid_request", "The parameter grant_type is missing.")
        case _:
            raise GrantError("unsupported_grant_type", "The grant_type must be password or refresh_token.")


def _parameters(form: QueryDict) -> dict[str, str]:
    """The known parameters. One without a value counts as left out, and none may be repeated (RFC 6749, 3.2)."""
    given = {}
    for field in GrantSerializer().fields:
        name = str(field)
        values = form.getlist(name)
        if len(values) > 1:
            raise GrantError("invalid_request", f"The parameter {name} is given more than once.")
        if values and values[0]:
            given[name] = str(values[0])
    return given


def _validated(serializer: serializers.Serializer[Any]) -> dict[str, Any]:
    if not serializer.is_valid():
        name, errors = next(iter(serializer.errors.items()))
        raise GrantError("invalid_request", f"{name}: {errors[0]}")
    return dict(serializer.validated_data)
