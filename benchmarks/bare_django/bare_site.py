"""A floor for benchmarks/serving.py: a Django view without middleware that returns the bytes of a file."""

import os
from pathlib import Path

import django
from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpRequest, HttpResponse
from django.urls import path

settings.configure(ALLOWED_HOSTS=["*"], ROOT_URLCONF=__name__, SECRET_KEY="not used", LOGGING_CONFIG=None)
django.setup()
BODY = Path(os.environ["BARE_BODY"]).read_bytes()


def view(request: HttpRequest) -> HttpResponse:
    return HttpResponse(BODY, content_type="application/json")


urlpatterns = [path("api/recommendations/", view)]
application = WSGIHandler()
