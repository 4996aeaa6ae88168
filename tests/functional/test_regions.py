"""Lists of a region over HTTP: from the main loop as Django gives them, and without what is not available there."""

import json
from collections.abc import Iterator

import pytest
from django.core.cache import caches

from accounts.tokens import AccessToken
from movies.availability.services import Window, availability_set
from movies.caching.version_tokens import invalidate_catalogue
from movies.models import Movie
from recommendations.models import PopularMovie
from tests.factories import make_movie, make_popular, make_user
from tests.functional.fast_line import BY_DJANGO, KEYS, LIST, Line, answered, bearer, comparable, status, warmed
from tests.functional.web_server import WebServer, web_server

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(scope="module")
def server(tmp_path_factory, django_db_setup, django_db_blocker) -> Iterator[WebServer]:
    caches["default"].delete_pattern("*")
    environment = KEYS | {
        "WEB_CONCURRENCY": "1",
        "RATE_LIMIT_USER": "600/m:400",
        "RATE_LIMIT_ANONYMOUS": "600/m:400",
        "DEFAULT_REGION": "FI",
    }
    with django_db_blocker.unblock(), web_server(tmp_path_factory.mktemp("web"), **environment) as running:
        yield running


@pytest.fixture(autouse=True)
def movies() -> Iterator[list[Movie]]:
    """Popular movies, the first of which is in Sweden alone; those of the tests beside are as before afterwards."""
    others = list(PopularMovie.objects.all())
    PopularMovie.objects.all().delete()
    found = [make_movie(title=f"Fargo {number}") for number in range(6)]
    make_popular(found)
    availability_set(movie_ids=[found[0].pk], windows=[Window("SE")])
    yield found
    PopularMovie.objects.all().delete()
    Movie.objects.filter(pk__in=[movie.pk for movie in found]).delete()
    PopularMovie.objects.bulk_create(others)
    invalidate_catalogue()


def ids(answer: tuple[str, bytes]) -> list[int]:
    assert status(answer) == 200, answer
    return [item["movie"]["id"] for item in json.loads(answer[1])["items"]]


def both(server: WebServer, headers: dict[str, str], path: str) -> tuple[tuple[str, bytes], tuple[str, bytes]]:
    """What the main loop and Django answer."""
    line = warmed(server, headers, path)
    before = answered(server)
    fast = line.get(path, headers)
    assert answered(server) - before == 1
    return fast, line.get(path, headers | BY_DJANGO)


@pytest.mark.parametrize(("query", "has_it"), [("region=SE", True), ("region=NO", False), ("limit=5", False)])
def test_a_list_of_a_region_is_answered_as_django_does(server, movies, query, has_it):
    fast, slow = both(server, bearer(AccessToken.for_user(make_user())), f"{LIST}?{query}")

    assert comparable(fast) == comparable(slow)
    assert (movies[0].pk in ids(fast)) is has_it


def test_a_person_has_a_list_in_each_region(server, movies):
    headers = bearer(AccessToken.for_user(make_user()))
    swedish, finnish = (f"{LIST}?region={region}" for region in ("SE", "FI"))
    warmed(server, headers, swedish)
    line = warmed(server, headers, finnish)

    found = [json.loads(line.get(path, headers)[1]) for path in (swedish, finnish, LIST, swedish)]

    names = [one["recommendation_id"] for one in found]
    assert names[0] == names[3] != names[1] == names[2]


@pytest.mark.parametrize("path", ["popular/", "trending/", "latest/"])
def test_shared_lists_of_a_region_are_answered_as_django_does(server, movies, path):
    for region, has_it in (("SE", True), ("NO", False)):
        fast, slow = both(server, {}, f"{LIST}{path}?region={region}")
        assert comparable(fast) == comparable(slow)
        if not has_it:
            assert movies[0].pk not in ids(fast)
        elif path != "trending/":  # While the cinema is open, its movies fill what is trending.
            assert movies[0].pk in ids(fast)


def test_a_change_of_availability_shows_at_the_next_request(server, movies):
    headers = bearer(AccessToken.for_user(make_user()))
    paths = [f"{LIST}?region=NO", f"{LIST}popular/?region=NO", f"/api/movies/search/?q={movies[0].title[:5]}&region=NO"]
    for path in paths:
        warmed(server, headers, path)
    for region in ("NO", "SE", "NO"):
        availability_set(movie_ids=[movies[0].pk], windows=[Window(region)])
        line = Line(server)
        assert [movies[0].pk in ids(line.get(path, headers)) for path in paths] == [region == "NO"] * 3


def test_a_region_that_is_none_is_refused_by_both(server):
    headers = bearer(AccessToken.for_user(make_user()))
    for path in (f"{LIST}?region=XX", f"{LIST}popular/?region=no"):
        fast, slow = (Line(server).get(path, headers | last) for last in ({}, BY_DJANGO))
        assert (status(fast), status(slow)) == (400, 400)
        assert list(json.loads(fast[1])["error"]["fields"]) == ["region"]
