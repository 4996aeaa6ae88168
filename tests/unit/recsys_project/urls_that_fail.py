"""Addresses under /api/ that go wrong in one way each, beside the real ones."""

from django.core.exceptions import PermissionDenied, SuspiciousOperation, ValidationError
from django.db import DataError, IntegrityError, OperationalError
from django.http import HttpResponse, HttpResponseNotAllowed
from django.urls import path
from redis.exceptions import ConnectionError as RedisConnectionError
from rest_framework.decorators import api_view, authentication_classes, permission_classes
from rest_framework.exceptions import APIException
from rest_framework.response import Response
from rest_framework.serializers import ValidationError as RestValidationError

from accounts.hashers import HashingBusyError
from recsys_project.urls import handler400, handler403, handler404, handler500, urlpatterns

__all__ = ["handler400", "handler403", "handler404", "handler500", "urlpatterns"]

ERRORS = {
    "crash": lambda: RuntimeError("the secret of the crash"),
    "database-away": lambda: OperationalError("connection refused"),
    "redis-away": lambda: RedisConnectionError("refused"),
    "hashing": lambda: HashingBusyError("busy"),
    "data": lambda: DataError("NUL"),
    "integrity": lambda: IntegrityError("duplicate"),
    "suspicious": lambda: SuspiciousOperation("odd"),
    "denied": PermissionDenied,
    "invalid": lambda: ValidationError({"movie": "There is no movie 7."}),
    "invalid-general": lambda: ValidationError("Nothing fits."),
    "invalid-surrogate": lambda: RestValidationError({"kind\ud800": ["\ud800 is no kind."]}),
    "invalid-many": lambda: RestValidationError({"ids": {n: ["Wrong."] for n in range(1000)}}),
    "invalid-general-and-many": lambda: RestValidationError(["Nothing fits."] * 1000),
    "invalid-long": lambda: RestValidationError({"n" * 5000: ["m" * 100_000]}),
    "long": lambda: SuspiciousRestError("m" * 100_000),
    "invalid-nested": lambda: RestValidationError({"events": [{}, {"movie": ["Unknown."]}]}),
}


class SuspiciousRestError(APIException):
    status_code = 400


@api_view(["GET"])
@authentication_classes([])
@permission_classes([])
def rest(request, kind):
    raise ERRORS[kind]()


def plain(request, kind):
    raise ERRORS[kind]()


@api_view(["GET"])
@authentication_classes([])
@permission_classes([])
def fine(request):
    return Response({"fine": True})


urlpatterns = [
    *urlpatterns,
    path("api/fine/", fine),
    path("api/rest/<str:kind>/", rest),
    path("api/plain/<str:kind>/", plain),
    path("api/html-error/", lambda request: HttpResponse("<h1>teapot</h1>", status=418)),
    path("api/not-allowed/", lambda request: HttpResponseNotAllowed(["PUT"])),
    path("page/<str:kind>/", plain),
]
