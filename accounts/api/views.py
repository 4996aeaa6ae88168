"""Views for registration, sign-in, token refresh and the user's own profile."""

from typing import Any, cast

from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.parsers import FormParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import services, signins
from accounts.api import serializers
from accounts.api.public import PublicView
from accounts.models import User


class RegisterView(PublicView):
    @extend_schema(
        operation_id="auth_register",
        request=serializers.RegisterSerializer,
        responses={201: serializers.RegisteredSerializer},
    )
    def post(self, request: Request) -> Response:
        """Registers a person and signs them in."""
        serializer = serializers.RegisterSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        user = services.user_register(**serializer.validated_data)
        tokens = signins.tokens_issue(user=user)
        answer = {
            "id": user.pk,
            "email": user.email,
            "display_name": user.display_name,
            "access": tokens.access,
            "refresh": tokens.refresh,
        }
        return _no_store(Response(answer, status=status.HTTP_201_CREATED))


class TokenView(PublicView):
    parser_classes = (*APIView.parser_classes, FormParser)

    @extend_schema(
        operation_id="auth_token", request=serializers.SignInSerializer, responses=serializers.TokensSerializer
    )
    def post(self, request: Request) -> Response:
        """Signs a person in, with OAuth2's password form or with JSON."""
        serializer = serializers.SignInSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        given: dict[str, Any] = serializer.validated_data
        try:
            _, tokens = services.user_sign_in(email=given["login"], password=given["password"])
        except services.InvalidCredentialsError as error:
            raise AuthenticationFailed("Wrong e-mail address or password.", code="invalid_credentials") from error
        return _no_store(Response(serializers.TokensSerializer(tokens).data))


class RefreshView(PublicView):
    @extend_schema(
        operation_id="auth_refresh", request=serializers.RefreshSerializer, responses=serializers.RefreshedSerializer
    )
    def post(self, request: Request) -> Response:
        """Exchanges a refresh token, which can be used once, for new tokens."""
        serializer = serializers.RefreshSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        try:
            tokens = signins.tokens_refresh(**serializer.validated_data)
        except signins.InvalidRefreshTokenError as error:
            raise AuthenticationFailed("This refresh token is not valid.", code="token_not_valid") from error
        return _no_store(Response(serializers.RefreshedSerializer(tokens).data))


class MeView(APIView):
    @extend_schema(operation_id="auth_me", responses=serializers.MeSerializer)
    def get(self, request: Request) -> Response:
        """The signed-in user's profile."""
        return Response(serializers.MeSerializer(cast(User, request.user)).data)

    @extend_schema(operation_id="auth_me_update", request=serializers.MeSerializer, responses=serializers.MeSerializer)
    def patch(self, request: Request) -> Response:
        """Updates the display name, and whether others may include the user in lists for a group."""
        user = cast(User, request.user)
        serializer = serializers.MeSerializer(user, data=request.data, partial=True)
        serializer.is_valid(raise_exception=True)
        return Response(serializers.MeSerializer(services.user_update(user=user, **serializer.validated_data)).data)


def _no_store(response: Response) -> Response:
    """Forbids caches to store tokens (RFC 6749, 5.1)."""
    response["Cache-Control"] = "no-store"
    return response
