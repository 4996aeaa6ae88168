"""What lists cost while PostgreSQL's statistics count full tables as empty.

They do if a table was analysed before it was filled, or while what filled it was rolled back, until it is analysed a
minute later. Then the estimate of a join is 0, and the join may read every pair, or triple, of rows.
"""

import json

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from events.services import interaction_record
from movies.models import Movie
from tests.factories import client_of, make_embedding, make_group, make_movie, make_popular, make_user, make_version

COUNT = 60
GENRES = ("Crime", "Drama", "War")
FORGET = """
    UPDATE pg_class SET relpages = 100, reltuples = 0
    WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'i')
"""


@pytest.fixture
def liker(db, shared_liker):
    return shared_liker


@pytest.fixture(scope="module")
def shared_liker(module_db):
    movies = [make_movie(genres=[GENRES[n % 3], GENRES[(n + 1) % 3]]) for n in range(COUNT)]
    make_popular(movies)
    for genre in GENRES:
        make_popular(movies[:20], genre)
    version = make_version()
    for n, movie in enumerate(movies):
        make_embedding(version, movie, [1.0, n / COUNT])
    person = make_user()
    for movie in movies[:3]:
        interaction_record(user=person, movie_id=movie.pk, kind="like")
    with connection.cursor() as cursor:
        cursor.execute(FORGET)
    return person


def most_repeated(statement: str) -> int:
    """How often the innermost step of a statement's plan runs."""
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}")
        plan = cursor.fetchone()[0]
    return loops((json.loads(plan) if isinstance(plan, str) else plan)[0]["Plan"])


def loops(plan: dict) -> int:
    return max([plan["Actual Loops"], *(loops(below) for below in plan.get("Plans", []))])


def repeated(client, address: str, body: dict | None = None) -> dict[str, int]:
    """The statements of a request, and how often the innermost step of each ran; hot ones have plans of their own."""
    with CaptureQueriesContext(connection) as captured:
        answer = client.get(address) if body is None else client.post(address, body, format="json")
        assert answer.status_code == 200, answer.content
    statements = [query["sql"] for query in captured if (query["sql"] or "").lstrip().startswith("SELECT")]
    return {sql: most_repeated(sql) for sql in statements if "$1" not in sql}


@pytest.mark.parametrize("likes", [True, False])
@pytest.mark.parametrize("query", ["", "?genre=war", "?genre=war&genre=crime&year_from=1990", "?language=en"])
def test_no_personal_list_looks_at_every_pair_of_rows(liker, likes, query):
    found = repeated(client_of(liker if likes else make_user()), f"/api/recommendations/{query}")

    assert found
    assert {sql: times for sql, times in found.items() if times > 4 * COUNT} == {}


@pytest.mark.parametrize(
    "address",
    [
        "recommendations/popular/?genre=war",
        "recommendations/latest/",
        "movies/?genre=war",
        "movies/search/?q=war+movie",
    ],
)
def test_no_list_for_everyone_looks_at_every_pair_of_rows(liker, address):
    found = repeated(client_of(), f"/api/{address}")

    assert found
    assert {sql: times for sql, times in found.items() if times > 4 * COUNT} == {}


def test_no_list_around_a_movie_looks_at_every_pair_of_rows(liker):
    found = repeated(client_of(), f"/api/movies/{Movie.objects.first().pk}/similar/")

    assert found
    assert {sql: times for sql, times in found.items() if times > 4 * COUNT} == {}


def test_no_list_of_a_guest_looks_at_every_pair_of_rows(liker):
    body = {"movie_ids": [movie.pk for movie in Movie.objects.all()[:3]], "genre": "war"}
    found = repeated(client_of(), "/api/recommendations/session/", body)

    assert found
    assert {sql: times for sql, times in found.items() if times > 4 * COUNT} == {}


def test_no_list_of_a_group_looks_at_every_pair_of_rows(liker):
    body = {"group": make_group(liker, make_user())}
    found = repeated(client_of(liker), "/api/recommendations/group/", body)

    assert found
    assert {sql: times for sql, times in found.items() if times > 4 * COUNT} == {}
