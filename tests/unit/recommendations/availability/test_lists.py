"""Which movies a region's lists have: at once after a change, and by the clock, from the cache or not."""

import json
import random
from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from events.services import interaction_record
from movies.availability import days
from movies.availability.models import MovieAvailability
from movies.availability.services import Window, availability_set
from movies.caching.version_tokens import AVAILABILITY
from movies.models import CacheInvalidation, Movie
from movies.services import movies_publish
from recommendations.retrieval.filters import ListFilters
from recommendations.serving import services
from recommendations.serving.preview import preview_list
from tests.factories import client_of, make_movie, make_popular
from tests.query_counts import statements
from tests.unit.recommendations.availability.lists import lists_of
from tests.unit.recommendations.curation.rules import make_rule

LIST = "/api/recommendations/"
DAY = date(2026, 5, 10)


def windows(movie: Movie, *found: Window) -> None:
    availability_set(movie_ids=[movie.pk], windows=found)


def listed(response) -> list[int]:
    return [item["movie"]["id"] for item in response.json()["items"]]


@pytest.fixture
def clock(monkeypatch):
    """Sets the moment that availability is decided at."""

    def move(moment: datetime) -> None:
        monkeypatch.setattr(days, "now", moment.timestamp)

    move(datetime(2026, 5, 10, 12, tzinfo=UTC))
    return move


def available(movie_id: int, region: str, day: date) -> bool:
    """What the windows say, by another way than the code's."""
    rows = MovieAvailability.objects.filter(movie=movie_id)
    if not rows or not region:
        return True
    return any(row.region == region and (row.available_from or day) <= day <= (row.available_to or day) for row in rows)


@pytest.mark.parametrize("seed", range(3))
def test_no_list_has_a_movie_that_is_unavailable(committed_cast, clock, seed):
    rng, asked = random.Random(seed), lists_of(committed_cast)
    for _ in range(3):
        for movie in rng.sample(list(committed_cast.movies.values()), 5):
            days_from, days_to = rng.randint(-3, 3), rng.randint(0, 3)
            first = rng.choice([None, DAY + timedelta(days_from)])
            last = rng.choice([None, DAY + timedelta(days_from + days_to)])
            regions = rng.sample(["SE", "NO", "DE"], rng.randint(0, 2))
            windows(movie, *(Window(region, first, last) for region in regions))
        for name, ask in asked.items():
            for region in ("SE", "NO", "", "SE"):
                wrong = [movie for movie in ask(region) if not available(movie, region, DAY)]
                assert wrong == [], (name, region)


def test_every_list_has_what_becomes_available_and_loses_what_ends(committed_cast, clock):
    asked = lists_of(committed_cast)
    had = {name: ask("SE") for name, ask in asked.items()}
    assert all(had.values())
    for movie in committed_cast.movies.values():
        windows(movie, Window("SE", DAY + timedelta(1), DAY + timedelta(2)))

    assert {name: ask("SE") for name, ask in asked.items()} == {name: [] for name in asked}
    clock(datetime(2026, 5, 10, 23, 59, 59, 900_000, tzinfo=UTC))
    assert asked["popular"]("SE") == asked["personal"]("SE") == []
    clock(datetime(2026, 5, 11, tzinfo=UTC))
    assert {name: sorted(ask("SE")) for name, ask in asked.items() if name != "home"} == {
        name: sorted(ids) for name, ids in had.items() if name != "home"
    }
    assert asked["home"]("SE")
    assert asked["popular"]("NO") == []
    clock(datetime(2026, 5, 13, tzinfo=UTC))
    assert {name: ask("SE") for name, ask in asked.items()} == {name: [] for name in asked}
    assert {name: bool(ask("")) for name, ask in asked.items()} == dict.fromkeys(asked, True)


def test_a_list_stays_full_where_movies_are_unavailable(committed_cast):
    more = [make_movie() for _ in range(120)]
    for movie in more[:60]:
        windows(movie, Window("SE"))

    found = listed(client_of(committed_cast.carol).get(LIST, {"region": "NO", "limit": 60}))

    assert len(found) == 60
    assert not {movie.pk for movie in more[:60]} & set(found)


@pytest.mark.parametrize("path", ["popular/", "trending/"])
def test_popular_movies_of_a_region_are_filled(committed_cast, path):
    popular = list(committed_cast.movies.values())
    for movie in popular[1:]:
        windows(movie, Window("SE"))
    others = [make_movie(year=2000 + n) for n in range(4)]

    found = listed(client_of().get(f"{LIST}{path}", {"region": "NO", "limit": 4}))

    assert found == [popular[0].pk, *(movie.pk for movie in reversed(others[1:]))]


def test_a_cached_list_of_one_region_is_not_anothers(committed_cast):
    alice, heat = client_of(committed_cast.alice), committed_cast["Heat"]
    windows(heat, Window("SE"))
    lists = [alice.get(LIST, {"region": region}) for region in ("SE", "NO", "SE", "NO")]

    assert [heat.pk in listed(one) for one in lists] == [True, False, True, False]
    names = [one.json()["recommendation_id"] for one in lists]
    assert names[:2] == names[2:]
    assert names[0] != names[1]
    assert lists[0]["ETag"] != lists[1]["ETag"]
    again = alice.get(LIST, {"region": "NO"}, headers={"If-None-Match": lists[0]["ETag"]})
    assert again.status_code == 200


def test_a_region_costs_no_query_more(committed_cast):
    bob = committed_cast.bob
    windows(committed_cast["Heat"], Window("SE"))

    def costs(**query) -> int:
        client = client_of(bob)
        client.get(LIST, query)
        interaction_record(user=bob, movie_id=committed_cast["Babe"].pk, kind="view")
        return len(statements(lambda: client.get(LIST, query)))

    costs()
    assert costs(region="NO") == costs()
    for region in ("NO", "SE"):
        client_of(bob).get(LIST, {"region": region})
    cached = [statements(lambda region=region: client_of(bob).get(LIST, {"region": region})) for region in ("NO", "SE")]
    assert [len(sql) for sql in cached] == [1, 1]


def test_the_default_region_counts_where_none_is_named(committed_cast, settings):
    asked, heat = lists_of(committed_cast), committed_cast["Heat"].pk
    for movie in committed_cast.movies.values():
        windows(movie, Window("SE"))
    before = {name: ask("") for name, ask in asked.items()}
    settings.DEFAULT_REGION = "NO"

    assert all(before.values())
    assert {name: ask("") for name, ask in asked.items()} == {name: [] for name in asked}
    assert heat in asked["popular"]("SE")
    settings.DEFAULT_REGION = "SE"
    alice = client_of(committed_cast.alice)
    named, unnamed = alice.get(LIST, {"region": "SE"}).json(), alice.get(LIST).json()
    assert named["recommendation_id"] == unnamed["recommendation_id"]


def test_movies_without_windows_may_be_nowhere(committed_cast, settings):
    settings.AVAILABILITY_DEFAULT = "nowhere"
    asked = lists_of(committed_cast)
    assert {name: ask("SE") for name, ask in asked.items()} == {name: [] for name in asked}
    windows(committed_cast["Alien"], Window("SE"))
    assert asked["popular"]("SE") == asked["personal"]("SE") == [committed_cast["Alien"].pk]

    # A movie that is new to the catalogue is nowhere, too.
    new = make_movie("Ran", status="draft")
    make_popular([new], "War")
    movies_publish(movie_ids=[new.pk])
    assert new.pk not in asked["popular"]("SE")
    assert new.pk in asked["latest"]("")


def test_the_next_page_leaves_out_what_ended(committed_cast, clock):
    alice = client_of(committed_cast.alice)
    third = listed(alice.get(LIST))[2]
    windows(Movie.objects.get(pk=third), Window("SE", None, DAY))
    first = alice.get(LIST, {"region": "SE", "limit": 2}).json()
    rest = listed(alice.get(LIST, {"region": "SE", "cursor": first["next_cursor"]}))
    assert rest[0] == third

    clock(datetime(2026, 5, 11, tzinfo=UTC))
    assert listed(alice.get(LIST, {"region": "SE", "cursor": first["next_cursor"]})) == rest[1:]
    other = alice.get(LIST, {"region": "NO", "cursor": first["next_cursor"]})
    assert (other.status_code, list(other.json()["error"]["fields"])) == (400, ["cursor"])


def test_a_ranked_list_names_what_is_unavailable(committed_cast):
    heat, babe = committed_cast["Heat"].pk, committed_cast["Babe"].pk
    windows(committed_cast["Heat"], Window("SE"))
    body = {"movie_ids": [heat, babe, 999_999], "region": "NO"}

    found = client_of(committed_cast.alice).post("/api/rank/", body, format="json").json()

    assert [item["movie_id"] for item in found["items"]] == [babe]
    assert (found["unknown"], found["unavailable"]) == ([999_999], [heat])


def test_a_preview_obeys_the_region(committed_cast, settings):
    windows(committed_cast["Heat"], Window("SE"))
    settings.DEFAULT_REGION = "NO"

    items = preview_list(committed_cast.alice).items

    assert items
    assert committed_cast["Heat"].pk not in [item.movie_id for item in items]


def test_an_explanation_counts_what_is_unavailable(committed_cast):
    windows(committed_cast["Heat"], Window("SE"))
    body = services.recommendation_list(
        user=committed_cast.alice, limit=5, filters=ListFilters(region="NO"), explain=True
    )
    assert json.loads(body)["explanation"]["left_out"]["of_batch_unavailable"] == 1


def test_a_rule_of_a_country_holds_in_its_lists_alone(committed_cast):
    asked, heat = lists_of(committed_cast), committed_cast["Heat"].pk
    make_rule("block", committed_cast["Heat"], country="SE")

    names = [name for name in asked if name not in ("catalogue", "begun", "watchlist", "rank", "similar", "search")]
    for name in names:
        before = asked[name]("NO")
        assert heat not in asked[name]("SE"), name
        assert asked[name]("NO") == before, name
    assert heat in asked["popular"]("")


def test_a_pin_of_a_country_is_first_there_alone(committed_cast):
    make_rule("pin", committed_cast["Aladdin"], place=1, country="SE")
    alice = client_of(committed_cast.alice)

    firsts = {region: listed(alice.get(LIST, {"region": region}))[0] for region in ("SE", "NO")}

    assert firsts["SE"] == committed_cast["Aladdin"].pk != firsts["NO"]


def test_a_pin_never_lists_what_is_unavailable(committed_cast):
    windows(committed_cast["Aladdin"], Window("SE"))
    make_rule("pin", committed_cast["Aladdin"], committed_cast["Babe"], place=1)

    found = listed(client_of(committed_cast.alice).get(LIST, {"region": "NO"}))

    assert found[0] == committed_cast["Babe"].pk
    assert committed_cast["Aladdin"].pk not in found


@pytest.mark.parametrize("region", ["XX", "se", "S", "SWE", "", "SE,NO"])
def test_a_region_that_is_none_is_an_error_that_names_it(committed_cast, region):
    alice = client_of(committed_cast.alice)
    paths = ["popular/", "trending/", "latest/", ""]
    answers = [alice.get(f"{LIST}{path}", {"region": region}) for path in paths]
    answers += [
        alice.get(path, {"region": region, **query})
        for path, query in (("/api/home/", {}), ("/api/movies/search/", {"q": "a"}), ("/api/events/watchlist/", {}))
    ]
    answers.append(alice.get("/api/movies/", {"region": region}))
    answers.append(alice.post("/api/rank/", {"movie_ids": [1], "region": region}, format="json"))

    assert {answer.status_code for answer in answers} == {400}
    for answer in answers:
        assert list(answer.json()["error"]["fields"]) == ["region"], answer.request


def test_a_write_past_the_services_counts_within_a_second(committed_cast):
    heat = committed_cast["Heat"].pk
    client = client_of()
    windows(committed_cast["Heat"], Window("NO"))
    before = listed(client.get(f"{LIST}popular/", {"region": "SE"}))
    with connection.cursor() as cursor:
        cursor.execute("UPDATE movies_movieavailability SET region = 'SE' WHERE movie_id = %s", [heat])

    def after() -> list[int]:
        found: list[list[int]] = []
        statements(lambda: found.append(listed(client.get(f"{LIST}popular/", {"region": "SE"}))))
        return found[0]

    assert heat not in before
    assert heat in after()


def test_without_windows_nothing_is_read_of_them(committed_cast):
    CacheInvalidation.objects.filter(name=AVAILABILITY).delete()  # Other tests have had windows.
    client_of().get(f"{LIST}popular/", {"region": "SE"})
    with CaptureQueriesContext(connection) as queries:
        client_of().get(f"{LIST}popular/", {"region": "NO"})

    assert not [query for query in queries if "movieavailability" in (query["sql"] or "")]
