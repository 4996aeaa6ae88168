"""The OpenAPI schema, made and rendered once a process instead of with each request, and its page."""

from functools import lru_cache
from threading import Lock
from typing import Any

from django.http import HttpResponse
from django.urls import get_script_prefix
from drf_spectacular.renderers import OpenApiJsonRenderer, OpenApiYamlRenderer
from drf_spectacular.utils import extend_schema
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerView
from rest_framework.request import Request

from accounts.api.public import PublicView

_making = Lock()


class SchemaView(PublicView, SpectacularAPIView):
    """drf-spectacular's view without ``lang`` and ``version``: there is one language and one version, and what stands
    in these would be made anew for each, or go into a header as it is."""

    @extend_schema(exclude=True)
    def get(self, request: Request, *args: Any, **kwargs: Any) -> HttpResponse:
        """The schema as YAML or JSON, whichever is asked for."""
        renderer = request.accepted_renderer
        with _making:
            body = _rendered(renderer.format, get_script_prefix())
        return HttpResponse(
            body,
            content_type=f"{renderer.media_type}; charset=utf-8",
            headers={"Content-Disposition": f'inline; filename="{self._get_filename(request, None)}"'},
        )


class DocsView(PublicView, SpectacularSwaggerView):
    """The page at ``/api/docs/`` that shows the schema."""


# One for each kind of answer; where the site stands is in the schema, too.
@lru_cache(maxsize=16)
def _rendered(kind: str, script_prefix: str) -> bytes:
    renderer = OpenApiJsonRenderer() if kind == OpenApiJsonRenderer.format else OpenApiYamlRenderer()
    document = SchemaView.generator_class(urlconf=SchemaView.urlconf).get_schema(request=None, public=True)
    body = renderer.render(document, renderer_context={})
    return body if isinstance(body, bytes) else body.encode()
