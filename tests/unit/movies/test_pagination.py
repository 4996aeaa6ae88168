"""Pages by cursor of what is read from a table."""

from datetime import UTC, datetime

import pytest
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.test import APIRequestFactory

from movies.api.pagination import ListPagination
from movies.models import Movie
from movies.selectors import movies_published
from tests.factories import make_movie

LIST = "/api/movies/"
ORDERS = [
    ("title", "year", "id"),
    ("title", "-year", "-id"),
    ("year", "id"),
    ("-year", "id"),
    ("-title", "year", "-id"),
]


def pages(queryset, size: int) -> list[list[int]]:
    """All pages of a queryset, one after the other."""
    found, query = [], {"page_size": size}
    while True:
        pagination = ListPagination()
        request = Request(APIRequestFactory().get("/", query))
        found.append([movie.pk for movie in pagination.paginate_queryset(queryset, request)])
        if pagination.next_cursor is None:
            return found
        query["cursor"] = pagination.next_cursor


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("size", [1, 2, 3, 100])
def test_pages_are_the_whole_list_in_order(db, order, size):
    for title, year in [
        ("Heat", 1995),
        ("Heat", None),
        ("Heat", 1972),
        ("alien", 1979),
        ("Élan", None),
        ("Heat", 1995),
    ]:
        make_movie(title, year)
    movies = movies_published().order_by(*order)
    found = pages(movies, size)

    assert [pk for page in found for pk in page] == [movie.pk for movie in movies]
    assert all(len(page) == size for page in found[:-1])


def test_cursors_page_through_rows_that_differ_only_by_id(db):
    Movie.objects.bulk_create(Movie(title="Same", year=2000) for _ in range(1203))
    found = [pk for page in pages(movies_published(), 100) for pk in page]

    assert len(found) == len(set(found)) == 1203


def test_rows_that_come_and_go_meanwhile_move_no_page(cast, api_client):
    first = api_client.get(LIST, {"page_size": 4}).json()
    Movie.objects.filter(pk=first["items"][0]["id"]).update(status=Movie.Status.HIDDEN)
    make_movie("AAA")
    rest = api_client.get(LIST, {"page_size": 100, "cursor": first["next_cursor"]}).json()
    titles = [movie["title"] for movie in first["items"] + rest["items"]]

    assert titles == sorted(cast.movies)
    assert rest["next_cursor"] is None


@pytest.mark.parametrize("cursor", ["", "abc", "cD1nYXJiYWdl", "WzFd:1vXyZ0:k3r9", "\x00", "é", "a" * 10_000])
def test_a_cursor_that_was_not_given_here_is_an_error(cast, api_client, cursor):
    response = api_client.get(LIST, {"cursor": cursor})

    assert response.status_code == 400
    assert list(response.json()["error"]["fields"]) == ["cursor"]


def test_a_cursor_of_another_order_is_an_error(cast):
    request = Request(APIRequestFactory().get("/", {"page_size": 1}))
    pagination = ListPagination()
    pagination.paginate_queryset(movies_published(), request)
    again = Request(APIRequestFactory().get("/", {"cursor": pagination.next_cursor}))

    for other in (("id",), ("created_at", "year", "id")):
        with pytest.raises(ValidationError) as error:
            ListPagination().paginate_queryset(movies_published().order_by(*other), again)
        assert list(error.value.detail) == ["cursor"]


def test_a_cursor_keeps_a_time_to_the_microsecond(db):
    at = datetime(2026, 1, 1, 12, 0, 0, 123456, tzinfo=UTC)
    movies = [make_movie(f"Movie {n}", created_at=at.replace(microsecond=123456 + n)) for n in range(4)]

    assert pages(Movie.objects.order_by("-created_at", "-id"), 1) == [[movie.pk] for movie in reversed(movies)]


def test_a_cursor_of_another_choice_of_rows_is_an_error(cast, api_client):
    cursor = api_client.get(LIST, {"page_size": 1, "genre": "crime"}).json()["next_cursor"]

    assert api_client.get(LIST, {"cursor": cursor, "genre": "crime", "page_size": 2}).status_code == 200
    for query in ({}, {"genre": "family"}):
        response = api_client.get(LIST, {"cursor": cursor, **query})
        assert response.status_code == 400
        assert list(response.json()["error"]["fields"]) == ["cursor"]
