"""Lists that are kept: for how long, for whom, and what ends them, over HTTP against several processes."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import psycopg
import pytest
from django.core.cache import cache
from django_redis import get_redis_connection

from movies.caching.version_tokens import invalidate_catalogue
from movies.models import Movie
from recommendations.models import ModelVersion
from recommendations.training.publishing import version_publish, version_rollback
from tests.functional.cinema import LIST, Cinema, Client, Line, Staff, at_once, movie_ids, second_version
from tests.functional.web_server import running_database_url

pytestmark = pytest.mark.django_db(transaction=True)


@contextmanager
def searches_are_held_up() -> Iterator[psycopg.Connection]:
    """Holds up every list that is computed at its search for the nearest movies, which follows the read of what the
    person did, until the block ends."""
    with psycopg.connect(running_database_url(), autocommit=True) as other, other.transaction():
        other.execute("LOCK TABLE recommendations_movieembedding IN ACCESS EXCLUSIVE MODE")
        yield other


def await_held(holding: psycopg.Connection, count: int = 1) -> None:
    """Waits until ``count`` lists are held up."""
    waiting = """SELECT count(*) FROM pg_locks
                 WHERE NOT granted AND relation = 'recommendations_movieembedding'::regclass
                 AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        row = holding.execute(waiting).fetchone()
        if row is not None and row[0] >= count:
            return
        time.sleep(0.02)
    raise AssertionError("No list is being computed.")


def liker(cinema: Cinema) -> Client:
    """A new person who liked a movie, by which others are searched."""
    person = cinema.person()
    person.tell(cinema.movies["Family"][0].pk)
    return person


def list_id(person: Client, **query: object) -> str:
    return person.read(**query)["recommendation_id"]


def test_a_list_is_the_same_in_every_process_until_an_event(cinema: Cinema):
    person = cinema.fan("Crime")

    answers = [person.read() for _ in range(12)]

    # Cursors are signed with the time.
    assert len({repr({**answer, "next_cursor": None}) for answer in answers}) == 1
    assert person.get(LIST).headers["Cache-Control"] == "private, no-store"
    assert person.served() == 1


def test_the_log_line_names_the_list_and_its_cache_result(cinema: Cinema):
    person = cinema.person()
    shown = list_id(person)
    assert list_id(person) == shown

    lines = [line for line in cinema.server.log_lines() if line.get("user_id") == person.user.pk]
    assert [
        (line["event"], line["recommendation_id"], line["list"]) for line in lines if line["route"] == LIST[1:]
    ] == [
        ("request_finished", shown, "miss"),
        ("request_finished", shown, "hit"),
    ]


def test_an_event_drops_the_persons_own_list_and_nobody_elses(cinema: Cinema):
    one, other = cinema.fan("Crime"), cinema.fan("Crime")
    before, others = list_id(one), list_id(other)

    one.tell(cinema.special["Toy Story"].pk)

    assert list_id(one) != before
    assert list_id(other) == others
    assert (one.served(), other.served()) == (2, 1)


def test_an_event_that_is_refused_drops_nothing(cinema: Cinema):
    person = cinema.person()
    before = list_id(person)

    assert person.ask("POST", "/api/events/", {"movie": 10**9, "kind": "like"}).status == 400

    assert list_id(person) == before


def test_a_list_is_never_kept_longer_than_an_hour_and_its_grace(cinema: Cinema):
    person = cinema.person()
    person.read()

    redis = get_redis_connection("default")
    keys = list(redis.scan_iter(cache.make_key(f"list:*:{person.user.pk}")))

    assert len(keys) == 1
    assert 0.9 * 3600 <= redis.ttl(keys[0]) <= 3600 + 300


def test_a_new_version_changes_every_list_from_the_next_request(cinema: Cinema):
    people = [cinema.fan("War"), cinema.person()]
    before = [person.read() for person in people]

    # No training here: it would learn from what the people of earlier tests did, and show later tests other lists.
    with second_version() as (old, new):
        version_publish(version=ModelVersion.objects.get(pk=new))
        after = [person.read() for person in people]
        version_rollback(to=ModelVersion.objects.get(pk=old))
        back = [person.read() for person in people]

    assert {answer["model_version"] for answer in before} == {old}
    assert {answer["model_version"] for answer in after} == {new}
    assert {answer["model_version"] for answer in back} == {old}
    assert len({answer["recommendation_id"] for answer in [*before, *after, *back]}) == 6


def test_a_movie_hidden_in_the_admin_is_gone_at_the_next_request(cinema: Cinema):
    staff = Staff(cinema)
    fan, other = cinema.fan("Family"), cinema.person()
    shown = fan.ids(limit=100)
    movie = next(movie for movie in other.ids(limit=100) if movie in shown)
    first = fan.read(limit=shown.index(movie) or 1)
    title = Movie.objects.get(pk=movie).title

    staff.post("/admin/movies/movie/", action="hide_selected", _selected_action=movie)
    try:
        assert Movie.objects.get(pk=movie).status == "hidden"
        for person in (fan, other):
            # Each process has to know.
            for _ in range(6):
                assert movie not in person.ids(limit=100)
            assert movie not in person.ids(limit=100, mood="toys")
            assert movie not in person.ids(limit=100, genre="family")
        assert movie not in fan.ids(limit=100, cursor=first["next_cursor"])
        for path, query in (
            ("/api/recommendations/popular/", {}),
            ("/api/recommendations/latest/", {}),
            ("/api/recommendations/trending/", {}),
            ("/api/movies/search/", {"q": title}),
            (f"/api/movies/{cinema.special['Toy Story'].pk}/similar/", {}),
        ):
            assert movie not in cinema.guest.ids(path, limit=100, **query)
        assert cinema.guest.get(f"/api/movies/{movie}/similar/").status == 404
    finally:
        staff.post("/admin/movies/movie/", action="publish_selected", _selected_action=movie)

    assert movie in fan.ids(limit=100)
    assert movie in other.ids(limit=100)


def test_a_title_edited_in_the_admin_shows_at_once(cinema: Cinema):
    person = cinema.person()
    first = person.read()["items"][0]["movie"]

    staff = Staff(cinema)
    movie = Movie.objects.get(pk=first["id"])
    form = {
        "title": "Another Title",
        "year": movie.year,
        "status": "published",
        "genres": list(movie.genres.values_list("pk", flat=True)),
        "overview": movie.overview,
        "keywords": "",
        "language": movie.language,
        "runtime_minutes": movie.runtime_minutes,
        "poster_url": "",
        "imdb_id": "",
    }
    for inline in ("credits", "certificates", "dataset_ids", "availability"):
        form |= {f"{inline}-TOTAL_FORMS": 0, f"{inline}-INITIAL_FORMS": 0}
    path = f"/admin/movies/movie/{movie.pk}/change/"

    staff.post(path, **form)
    try:
        assert {person.read()["items"][0]["movie"]["title"] for _ in range(6)} == {"Another Title"}
    finally:
        staff.post(path, **form | {"title": movie.title})
    assert person.read()["items"][0]["movie"] == first


def test_of_requests_at_once_one_computes_and_all_get_its_list(cinema: Cinema):
    person = liker(cinema)

    with ThreadPoolExecutor(6) as pool:
        with searches_are_held_up() as holding:
            asked = [pool.submit(list_id, person) for _ in range(6)]
            await_held(holding)
            time.sleep(0.2)
            assert holding.execute("SELECT 1").fetchone()
        ids = {one.result() for one in asked}

    assert len(ids) == 1
    assert person.served() == 1


def test_an_expired_list_answers_while_one_request_computes_it(cinema: Cinema):
    person = liker(cinema)
    old = list_id(person)
    redis = get_redis_connection("default")
    (key,) = redis.scan_iter(cache.make_key(f"list:*:{person.user.pk}"))
    tokens, _, *kept = redis.get(key).split(b"\n")
    redis.set(key, b"\n".join([tokens, b"%d" % (time.time() - 1), *kept]), keepttl=True)

    with ThreadPoolExecutor(1) as pool:
        with searches_are_held_up() as holding:
            first = pool.submit(list_id, person)
            await_held(holding)
            meanwhile = [person.read(explain="true") for _ in range(4)]
        new = first.result()

    assert {answer["recommendation_id"] for answer in meanwhile} == {old}
    assert {answer["explanation"]["cache"] for answer in meanwhile} == {"stale"}
    assert new != old
    assert list_id(person) == new
    assert person.served() == 2


def test_an_event_while_a_list_is_computed_is_not_lost(cinema: Cinema):
    person = liker(cinema)
    first = liker(cinema).ids()[0]

    with ThreadPoolExecutor(1) as pool:
        with searches_are_held_up() as holding:
            early = pool.submit(person.ids)
            await_held(holding)
            person.tell(first)
        assert first in early.result()

    assert first not in person.ids(limit=100)


def test_a_movie_hidden_meanwhile_is_not_in_the_next_list(cinema: Cinema):
    person = liker(cinema)
    first = liker(cinema).ids()[0]

    with ThreadPoolExecutor(1) as pool:
        with searches_are_held_up() as holding:
            early = pool.submit(person.ids)
            await_held(holding)
            Movie.objects.filter(pk=first).update(status="hidden")
            invalidate_catalogue()
        early.result()
    after = person.ids(limit=100)
    Movie.objects.filter(pk=first).update(status="published")
    invalidate_catalogue()

    assert first not in after


def test_two_people_on_one_connection_never_see_each_others_list(cinema: Cinema):
    people = [cinema.fan("Crime"), cinema.fan("War"), cinema.person()]
    own = [list_id(person) for person in people]
    line = Line(cinema.server)
    try:
        for _ in range(10):
            for person, expected in zip(people, own, strict=True):
                answer = line.ask("GET", LIST, Authorization=f"Bearer {person.token}")
                assert answer.json()["recommendation_id"] == expected
        assert line.connections == 1
    finally:
        line.close()


def test_people_at_once_get_their_own_lists(cinema: Cinema):
    people = [cinema.fan("Crime"), cinema.fan("War"), cinema.fan("Science"), cinema.person()]
    for round_ in range(3):
        for person in people:
            person.tell(person.ids()[round_], "hide")
        answers = at_once([person.read for person in people * 3])
        own = [list_id(person) for person in people] * 3
        assert [answer["recommendation_id"] for answer in answers] == own


def test_filtered_lists_are_not_kept_as_the_persons_list(cinema: Cinema):
    person = cinema.fan("Crime")
    plain = person.read()

    narrowed = person.read(genre="war")

    assert narrowed["recommendation_id"] != plain["recommendation_id"]
    assert set(movie_ids(narrowed)) <= cinema.titled("War")
    # A cursor holds the second in which it was signed.
    assert person.read() | {"next_cursor": ""} == plain | {"next_cursor": ""}
