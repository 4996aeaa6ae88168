"""Staff see the poster of a movie, from the hosts that the site trusts."""

import pytest

from tests.factories import make_movie, make_user


@pytest.fixture
def page(client, db):
    client.force_login(make_user(is_staff=True, is_superuser=True))

    def opened(poster_url: str):
        movie = make_movie("Heat", poster_url=poster_url)
        return client.get(f"/admin/movies/movie/{movie.pk}/change/")

    return opened


def test_a_poster_of_a_trusted_host_is_shown(page):
    response = page("https://image.tmdb.org/t/p/w185/heat.jpg")

    assert '<img src="https://image.tmdb.org/t/p/w185/heat.jpg"' in response.text
    policy = response.headers["Content-Security-Policy"]
    assert "img-src 'self' data: https://image.tmdb.org" in policy
    assert policy.count("tmdb") == 1


@pytest.mark.parametrize(
    "url",
    [
        "https://elsewhere.example/heat.jpg",
        "http://image.tmdb.org/heat.jpg",
        "https://image.tmdb.org.evil.example/heat.jpg",
        "https://image.tmdb.org@evil.example/heat.jpg",
    ],
)
def test_a_poster_of_another_host_is_a_link(page, url):
    response = page(url)

    assert "poster-preview" not in response.text
    assert f'href="{url}"' in response.text


def test_other_pages_load_no_posters(client, page):
    page("")

    assert "tmdb" not in client.get("/admin/movies/movie/").headers["Content-Security-Policy"]


def test_the_hosts_are_a_setting(page, settings):
    settings.ADMIN_POSTER_HOSTS = ["posters.example.org"]
    response = page("https://posters.example.org/heat.jpg")

    assert '<img src="https://posters.example.org/heat.jpg"' in response.text
    assert "tmdb" not in response.headers["Content-Security-Policy"]
