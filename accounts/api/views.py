"""Views for registration, sign-in and sign-out, token refresh, passwords and the user's own profile."""

from typing import Any, cast

from django.conf import settings
from django.http import QueryDict
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.parsers import FormParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView
from rest_framework_simplejwt.tokens import Token

from accounts import passwords, registration, services, signins
from accounts.api import oauth2, serializers
from accounts.api.public import PublicView
from accounts.models import User
from accounts.tokens import token_family


class NoStoreMixin:
    """Forbids caches to store the answers of a view, errors included (RFC 6749, 5.1)."""

    def finalize_response(self, request: Request, response: Response, *args: Any, **kwargs: Any) -> Response:
        response = super().finalize_response(request, response, *args, **kwargs)  # type: ignore[misc]
        response["Cache-Control"] = "no-store"
        response["Pragma"] = "no-cache"
        return response


class RegisterView(NoStoreMixin, PublicView):
    @extend_schema(
        operation_id="auth_register",
        request=serializers.RegisterSerializer,
        responses={201: serializers.RegisteredSerializer, 202: serializers.MailedSerializer},
    )
    def post(self, request: Request) -> Response:
        """Registers a person. 202: a link is mailed to the address, which begins the account, or, if it has one, a note
        that says so. 201, with REGISTRATION=immediate: the person is signed in at once."""
        serializer = serializers.RegisterSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        if settings.REGISTRATION == "immediate":
            user = services.user_register(**serializer.validated_data)
            return _registered(user, signins.tokens_issue(user=user))
        registration.registration_request(**serializer.validated_data)
        return Response({"detail": "A mail is on its way."}, status=status.HTTP_202_ACCEPTED)


class RegisterConfirmView(NoStoreMixin, PublicView):
    @extend_schema(
        operation_id="auth_register_confirm",
        request=serializers.RegisterConfirmSerializer,
        responses={201: serializers.RegisteredSerializer},
    )
    def post(self, request: Request) -> Response:
        """Begins the account of a link that was mailed, and signs it in. The link is good once."""
        serializer = serializers.RegisterConfirmSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        return _registered(*registration.registration_confirm(**serializer.validated_data))


class TokenView(NoStoreMixin, PublicView):
    parser_classes = (*APIView.parser_classes, FormParser)

    @extend_schema(
        operation_id="auth_token",
        request={oauth2.FORM: oauth2.GrantSerializer, "application/json": serializers.SignInSerializer},
        responses={
            200: serializers.TokensSerializer,
            400: {"oneOf": [oauth2.ERROR_SCHEMA, {"$ref": "#/components/schemas/Error"}]},
        },
    )
    def post(self, request: Request) -> Response:
        """Signs a person in, with OAuth2's form (RFC 6749, with its errors) or with JSON. The form also refreshes."""
        if isinstance(request.data, QueryDict):
            return oauth2.token_response(request.data)
        serializer = serializers.SignInSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        given: dict[str, Any] = serializer.validated_data
        try:
            _, tokens = services.user_sign_in(email=given["login"], password=given["password"])
        except services.InvalidCredentialsError as error:
            raise AuthenticationFailed("Wrong e-mail address or password.", code="invalid_credentials") from error
        return Response(serializers.TokensSerializer(tokens).data)


class RefreshView(NoStoreMixin, PublicView):
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
            raise AuthenticationFailed(
                "This refresh token is not valid. Sign in again.", code="token_not_valid"
            ) from error
        return Response(serializers.RefreshedSerializer(tokens).data)


class LogoutView(NoStoreMixin, APIView):
    @extend_schema(operation_id="auth_logout", request=None, responses={204: None})
    def post(self, request: Request) -> Response:
        """Signs out here: ends the access and refresh tokens of this sign-in."""
        token = cast(Token, request.auth)
        signins.sign_in_end(user=cast(User, request.user), family=token_family(token))
        return Response(status=status.HTTP_204_NO_CONTENT)


class LogoutEverywhereView(NoStoreMixin, APIView):
    @extend_schema(operation_id="auth_logout_everywhere", request=None, responses={204: None})
    def post(self, request: Request) -> Response:
        """Signs out everywhere: ends all tokens of the person, and their sessions in the admin."""
        signins.sign_ins_end(user=cast(User, request.user))
        return Response(status=status.HTTP_204_NO_CONTENT)


class PasswordView(NoStoreMixin, APIView):
    @extend_schema(
        operation_id="auth_password",
        request=serializers.PasswordChangeSerializer,
        responses=serializers.TokensSerializer,
    )
    def post(self, request: Request) -> Response:
        """Sets a new password. All tokens end, and the answer has new ones."""
        serializer = serializers.PasswordChangeSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        tokens = passwords.password_change(user=cast(User, request.user), **serializer.validated_data)
        return Response(serializers.TokensSerializer(tokens).data)


class PasswordResetView(NoStoreMixin, PublicView):
    @extend_schema(
        operation_id="auth_password_reset",
        request=serializers.ResetSerializer,
        responses={202: serializers.MailedSerializer},
    )
    def post(self, request: Request) -> Response:
        """Mails a link to set a new password, if the address has an account. The answer is the same for all."""
        serializer = serializers.ResetSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        passwords.password_reset_request(**serializer.validated_data)
        detail = {"detail": "If the address has an account, a mail is on its way."}
        return Response(detail, status=status.HTTP_202_ACCEPTED)


class PasswordResetConfirmView(NoStoreMixin, PublicView):
    @extend_schema(
        operation_id="auth_password_reset_confirm",
        request=serializers.ResetConfirmSerializer,
        responses={204: None},
    )
    def post(self, request: Request) -> Response:
        """Sets a new password by a link that was mailed. All tokens end, and the link is good once."""
        serializer = serializers.ResetConfirmSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        passwords.password_reset_confirm(**serializer.validated_data)
        return Response(status=status.HTTP_204_NO_CONTENT)


class MeView(APIView):
    @extend_schema(operation_id="auth_me", responses=serializers.MeSerializer)
    def get(self, request: Request) -> Response:
        """The signed-in user's profile."""
        return Response(serializers.MeSerializer(cast(User, request.user)).data)

    @extend_schema(operation_id="auth_me_update", request=serializers.MeSerializer, responses=serializers.MeSerializer)
    def patch(self, request: Request) -> Response:
        """Updates the display name, whether others may invite the user to groups, and whether lists are personal."""
        user = cast(User, request.user)
        serializer = serializers.MeSerializer(user, data=request.data, partial=True)
        serializer.is_valid(raise_exception=True)
        return Response(serializers.MeSerializer(services.user_update(user=user, **serializer.validated_data)).data)


def _registered(user: User, tokens: signins.Tokens) -> Response:
    answer = {
        "id": user.pk,
        "email": user.email,
        "display_name": user.display_name,
        "access": tokens.access,
        "refresh": tokens.refresh,
    }
    return Response(answer, status=status.HTTP_201_CREATED)
