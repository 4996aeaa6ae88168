"""A person's taste from other places: send a file, look at the preview, confirm."""

import uuid
from typing import Any

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import status
from rest_framework.exceptions import NotFound
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.api.client_users import UserQuerySerializer, acting_user
from events.taste import selectors, services
from events.taste.api import serializers
from events.taste.models import TasteImport
from movies.api.pagination import ListPagination, envelope

_HEADERS = {"Cache-Control": "private, no-store"}
_TAGS = ["taste imports"]
_WRITE = "events:write"
_PAUSED = OpenApiResponse(description="personalisation_paused: nothing is recorded until you end the pause.")


def _paging() -> list[OpenApiParameter]:
    """``cursor`` and ``page_size`` as the paginator reads them."""
    return [
        OpenApiParameter(one["name"], one["schema"], description=one["description"])
        for one in ListPagination().get_schema_operation_parameters(None)
    ]


class TasteImportsView(APIView):
    """Where files are sent."""

    client_scopes = {"POST": _WRITE}
    parser_classes = (MultiPartParser,)

    @extend_schema(
        tags=_TAGS,
        summary="Send a file with your taste from another site",
        description=(
            "Letterboxd's zip or one of its CSV files, IMDb's ratings or a list, Trakt's zip, Movary's CSV files or "
            "MovieLens' ratings. Nothing is recorded before you confirm. The import is deleted after a day."
        ),
        operation_id="taste_imports_create",
        request={"multipart/form-data": serializers.TasteImportCreateSerializer},
        responses={201: serializers.TasteImportSerializer, 409: _PAUSED},
    )
    def post(self, request: Request) -> Response:
        form = serializers.TasteImportCreateSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        upload = form.validated_data["file"]
        user = acting_user(request, form.validated_data.get("user"))
        created = services.taste_import_create(user=user, file=upload.file, name=upload.name)
        body = serializers.TasteImportSerializer(created).data
        return Response(body, status.HTTP_201_CREATED, headers=_HEADERS)


class TasteImportView(APIView):
    """One import of the person."""

    client_scopes = {"GET": _WRITE, "DELETE": _WRITE}

    @extend_schema(
        tags=_TAGS,
        summary="Look at an import before you confirm it",
        description="Each film of the file, with the movie that it is, those that it may be, or why there is none.",
        operation_id="taste_imports_read",
        parameters=[serializers.TasteFilmQuerySerializer, UserQuerySerializer, *_paging()],
        responses=serializers.TasteImportPreviewSerializer,
    )
    def get(self, request: Request, import_id: uuid.UUID) -> Response:
        query = serializers.TasteFilmQuerySerializer(data=request.query_params)
        query.is_valid(raise_exception=True)
        found = _found(request, import_id)
        paginator = ListPagination()
        films = selectors.taste_import_films(taste_import=found).filter(**query.validated_data)
        page = paginator.paginate_queryset(films, request, self)
        context = {"cards": selectors.candidate_cards(page)}
        items = serializers.TasteFilmSerializer(page, many=True, context=context).data
        body = envelope(list(items), paginator.next_cursor, **serializers.TasteImportSerializer(found).data)
        return Response(body, headers=_HEADERS)

    @extend_schema(
        tags=_TAGS,
        summary="Delete an import",
        description="What it recorded stays.",
        operation_id="taste_imports_delete",
        parameters=[UserQuerySerializer],
        responses={204: OpenApiResponse(description="Deleted.")},
    )
    def delete(self, request: Request, import_id: uuid.UUID) -> Response:
        try:
            services.taste_import_delete(user=acting_user(request), import_id=import_id)
        except TasteImport.DoesNotExist as error:
            raise NotFound from error
        return Response(status=status.HTTP_204_NO_CONTENT, headers=_HEADERS)


class TasteImportConfirmView(APIView):
    """The decision to record an import."""

    client_scopes = {"POST": _WRITE}

    @extend_schema(
        tags=_TAGS,
        summary="Record an import",
        description=(
            "Records matched films and the ambiguous ones with a choice. What you did here later stays as it is, and "
            "repeating it, or importing the same file again, changes nothing. Sent again with further choices, it "
            "records those; `result` is the sum."
        ),
        operation_id="taste_imports_confirm",
        request=serializers.TasteImportConfirmSerializer,
        responses={200: serializers.TasteImportSerializer, 409: _PAUSED},
    )
    def post(self, request: Request, import_id: uuid.UUID) -> Response:
        body = serializers.TasteImportConfirmSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        given = body.validated_data
        user = acting_user(request, given.get("user"))
        try:
            confirmed = services.taste_import_confirm(user=user, import_id=import_id, choices=given.get("choices", {}))
        except TasteImport.DoesNotExist as error:
            raise NotFound from error
        return Response(serializers.TasteImportSerializer(confirmed).data, headers=_HEADERS)


class TasteImportUnmatchedView(APIView):
    """The films of an import that are not recorded."""

    client_scopes = {"GET": _WRITE}

    @extend_schema(
        tags=_TAGS,
        summary="The films that were not matched, as CSV",
        description=(
            "Those that are not matched and those without a choice, with the reason. A text that a spreadsheet would "
            "run as a formula has a ' before it."
        ),
        operation_id="taste_imports_unmatched",
        parameters=[UserQuerySerializer],
        responses={(200, "text/csv"): OpenApiTypes.STR},
    )
    def get(self, request: Request, import_id: uuid.UUID) -> HttpResponse:
        found = _found(request, import_id)
        headers: dict[str, Any] = _HEADERS | {"Content-Disposition": 'attachment; filename="unmatched.csv"'}
        lines = "".join(selectors.taste_import_unmatched_csv(taste_import=found))
        return HttpResponse(lines, content_type="text/csv; charset=utf-8", headers=headers)


def _found(request: Request, import_id: uuid.UUID) -> TasteImport:
    """The caller's import. Raises NotFound also for one of somebody else."""
    try:
        return selectors.taste_import_get(user=acting_user(request), import_id=import_id)
    except TasteImport.DoesNotExist as error:
        raise NotFound from error
