"""The poster of a movie on its page in the admin.

Posters are on other hosts. The page's Content-Security-Policy lets the browser load images from the hosts of
``ADMIN_POSTER_HOSTS``, and from no other; the poster of another host is a link.
"""

from typing import Any, cast
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html

from movies.models import Movie


def poster_origins() -> list[str]:
    """The origins whose images the page may show: ``https://HOST``, or as they are set with a scheme."""
    return [host if "://" in host else f"https://{host}" for host in settings.ADMIN_POSTER_HOSTS if host]


def may_show(url: str) -> bool:
    """Whether the page may load an image from this URL."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}".lower() in poster_origins()


class PosterAdmin(admin.ModelAdmin):
    """Shows the poster as the field ``poster``."""

    @admin.display(description="poster")
    def poster(self, movie: Movie) -> str:
        """The image, or a link where its host is not one of ``ADMIN_POSTER_HOSTS``."""
        if not movie.poster_url:
            return "none"
        if may_show(movie.poster_url):
            text = '<img src="{}" alt="Poster of {}" class="poster-preview" width="185" referrerpolicy="no-referrer">'
            return format_html(text, movie.poster_url, movie)
        text = '<a href="{}" rel="noopener noreferrer" target="_blank">Open</a> (not shown: its host is not one of'
        return format_html(text + " ADMIN_POSTER_HOSTS)", movie.poster_url)

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Lets this page alone load posters."""
        response: Any = super().changeform_view(request, object_id, form_url, extra_context)
        response._csp_update = {"img-src": poster_origins()}
        return cast(HttpResponse, response)
