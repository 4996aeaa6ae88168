"""The OpenAPI schema, generated and rendered once per process instead of per request, and its page."""

from functools import lru_cache
from threading import Lock
from typing import Any

from django.http import HttpResponse
from django.urls import get_script_prefix
from drf_spectacular.renderers import OpenApiJsonRenderer, OpenApiYamlRenderer
from drf_spectacular.utils import extend_schema
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView
from rest_framework.request import Request

from accounts.api.public import PublicView

_lock = Lock()


class SchemaView(PublicView, SpectacularAPIView):
    """drf-spectacular's view without the parameters ``lang`` and ``version``.

    There is one language and one version. Other values would be rendered again each time, or be copied into a header.
    """

    @extend_schema(exclude=True)
    def get(self, request: Request, *args: Any, **kwargs: Any) -> HttpResponse:
        """The schema as YAML or JSON, by content negotiation."""
        renderer = request.accepted_renderer
        with _lock:
            body = _rendered(renderer.format, get_script_prefix())
        return HttpResponse(
            body,
            content_type=f"{renderer.media_type}; charset=utf-8",
            headers={"Content-Disposition": f'inline; filename="{self._get_filename(request, None)}"'},
        )


class DocsView(PublicView, SpectacularSwaggerSplitView):
    """The page at ``/api/docs/`` that shows the schema.

    It loads its script from ``?script=`` and its styles from files: the Content-Security-Policy forbids inline ones.
    """

    template_name = "docs.html"


# One entry per format and script prefix, which the schema contains.
@lru_cache(maxsize=16)
def _rendered(kind: str, script_prefix: str) -> bytes:
    renderer = OpenApiJsonRenderer() if kind == OpenApiJsonRenderer.format else OpenApiYamlRenderer()
    document = SchemaView.generator_class(urlconf=SchemaView.urlconf).get_schema(request=None, public=True)
    body = renderer.render(document, renderer_context={})
    return body if isinstance(body, bytes) else body.encode()
