"""Staff merge two films and undo it in a browser; a viewer's events and the API follow."""

import pytest
from django.core.cache import caches
from django.core.management import call_command
from django.test import override_settings

from events.models import Interaction, Rating
from movies.models import Movie
from tests.factories import PASSWORD, make_movie, make_user
from tests.functional.browser import CHROMIUM, browser
from tests.functional.web_server import WebServer, web_server

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(CHROMIUM is None, reason="There is no Chromium on this machine."),
]


@pytest.fixture(scope="module")
def server(tmp_path_factory, django_db_setup, django_db_blocker) -> WebServer:
    folder = tmp_path_factory.mktemp("web")
    with override_settings(STATIC_ROOT=folder / "static"):
        call_command("collectstatic", interactive=False, verbosity=0)
    environment = {"DJANGO_SETTINGS_MODULE": "tests.functional.browser_settings", "WEB_CONCURRENCY": "1"}
    with django_db_blocker.unblock(), web_server(folder, **environment) as running:
        yield running


def test_two_films_are_merged_and_parted_again(server, tmp_path):
    caches["ratelimit"].delete_pattern("*")
    make_user("root.of.merging@example.org", is_staff=True, is_superuser=True)
    viewer = make_user("viewer.of.merging@example.org")
    heat, double = make_movie("Heat of merging", 1994), make_movie("Heat of merging (US)", 1995)
    Rating.objects.create(user=viewer, movie=double, value=4.5)
    signed_in = server.request("POST", "/api/auth/token/", {"email": viewer.email, "password": PASSWORD})
    token = f"Bearer {signed_in.json()['access']}"

    with browser(tmp_path) as page:
        page.open(f"{server.url}/admin/movies/movie/merge/?duplicate={double.pk}&target={heat.pk}")
        page.submit("#login-form", username="root.of.merging@example.org", password=PASSWORD)
        assert "1995" in page.run("document.querySelector('#merge-facts').innerText")
        page.submit("#merge-movies", reason="Imported twice.")
        assert "merged." in page.run("document.body.innerText")

        gone = server.request("GET", f"/api/movies/{double.pk}/")
        assert (gone.status, gone.json()["error"]["fields"]) == (404, {"merged_into": [str(heat.pk)]})
        liked = server.request("POST", "/api/events/", {"movie": double.pk, "kind": "like"}, Authorization=token)
        assert (liked.status, liked.json()["movie"]["id"]) == (201, heat.pk)
        assert Rating.objects.get(user=viewer).movie_id == heat.pk

        page.run("document.querySelector('#result_list a[href*=\"/moviemerge/\"]').click()")
        page.wait("document.querySelector('a[href*=\"/undo-merge\"]')")
        page.run("document.querySelector('a[href*=\"/undo-merge\"]').click()")
        page.wait("document.querySelector('#undo-merge')")
        page.submit("#undo-merge")
        assert "The merge is undone." in page.run("document.body.innerText")
        assert page.complaints == []

    assert server.request("GET", f"/api/movies/{double.pk}/").status == 200
    assert Rating.objects.get(user=viewer).movie_id == double.pk
    assert Interaction.objects.get(user=viewer).movie_id == heat.pk
    Movie.objects.filter(pk__in=[heat.pk, double.pk]).delete()
