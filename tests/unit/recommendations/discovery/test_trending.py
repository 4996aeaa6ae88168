"""What is trending: each person's newest judgement, votes up to now, the newest days with enough, filled up."""

from datetime import UTC, datetime, timedelta

import pytest
from django.core.cache import cache
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from events import trends
from events.models import Interaction, Rating
from events.services import interaction_record
from tests.factories import client_of, make_imported_user, make_movie, make_popular

TRENDING = "/api/recommendations/trending/"
END = datetime(2003, 2, 28, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def _few_votes(settings):
    settings.TRENDING_MIN_VOTES = 5
    settings.TRENDING_MIN_PEOPLE = 3


@pytest.fixture
def people(db):
    return [make_imported_user() for _ in range(6)]


@pytest.fixture
def history(cast, people):
    """Five people liked Heat, and two Alien, in the last week of a data set of 2003."""
    votes = [(person, "Heat") for person in people[:5]] + [(person, "Alien") for person in people[:2]]
    Rating.objects.bulk_create(
        Rating(user=person, movie=cast[title], value=4.5, rated_at=END - n * DAY / 4)
        for n, (person, title) in enumerate(votes)
    )


def trending(**query):
    cache.delete_pattern("*")
    answer = client_of().get(TRENDING, query)
    assert answer.status_code == 200, answer.content
    return answer.json()


def risen(body) -> list[str]:
    """The titles that are said to be trending; the others must come after them, be popular and have no score."""
    items = body["items"]
    sources = [item["reason"]["code"] for item in items]
    assert sources == sorted(sources, reverse=True)
    assert all((item["score"] is None) == (item["reason"]["code"] == "popular") for item in items)
    assert [item["rank"] for item in items] == list(range(1, len(items) + 1))
    ids = [item["movie"]["id"] for item in items]
    assert len(ids) == len(set(ids))
    return [item["movie"]["title"] for item in items if item["reason"]["code"] == "trending"]


def act(person, movie, kind="like", value=None, at=None):
    interaction_record(user=person, movie_id=movie.pk, kind=kind, value=value, occurred_at=at)


def test_the_list_is_filled_up_with_popular_movies(cast, history):
    body = trending(limit=9)

    assert (body["basis"], body["until"]) == ("history", "2003-02-28T00:00:00Z")
    assert risen(body) == ["Heat", "Alien"]
    assert [item["movie"]["title"] for item in body["items"]][2:5] == ["Toy Story", "Casino", "Goodfellas"]
    assert len(body["items"]) == 9
    assert risen(trending(limit=1)) == ["Heat"]
    family = trending(genre="family", limit=2)
    assert (family["basis"], family["until"], risen(family)) == ("popular", None, [])
    assert [item["movie"]["title"] for item in family["items"]] == ["Toy Story", "Babe"]


def test_one_event_after_a_long_pause_changes_nothing(cast, history):
    before = trending(limit=5)
    for kind in ("like", "dislike", "view"):
        act(cast.bob, cast["Babe"], kind)

    assert trending(limit=5) == before
    assert risen(before) == ["Heat", "Alien"]


def test_one_person_who_votes_for_all_is_no_trend(cast, history):
    before = trending(limit=5)
    films = [make_movie() for _ in range(60)]
    Interaction.objects.bulk_create(Interaction(user=cast.bob, movie=film, kind="like") for film in films)
    assert trending(limit=5) == before

    # With enough others at the same time, neither.
    for person in (cast.alice, cast.carol, cast.stan):
        act(person, cast["Babe"])
    body = trending(limit=5)
    assert body["basis"] == "now"
    assert risen(body) == ["Babe"]


def test_one_person_who_votes_again_and_again_counts_once(cast, history, people):
    for number in range(40):
        act(cast.bob, cast["Babe"], at=timezone.now() - timedelta(minutes=number))
        act(cast.bob, cast["Casino"], "rating", 5.0, at=timezone.now() - timedelta(minutes=number))
    assert trending()["basis"] == "history"

    for person in people[:3]:
        act(person, cast["Aladdin"])
    body = trending()
    assert body["basis"] == "now"
    assert risen(body) == ["Aladdin"]
    assert [item["score"] for item in body["items"]][:1] == [3]


@pytest.mark.parametrize(
    ("first", "then"),
    [
        (("like", None), ("dislike", None)),
        (("like", None), ("rating", 2.0)),
        (("like", None), ("hide", None)),
        (("watch", None), ("dislike", None)),
        (("watch", None), ("rating", 1.0)),
        (("watch", None), ("hide", None)),
        (("dislike", None), ("watch", None)),
        (("rating", 1.0), ("watch", None)),
        (("rating", 5.0), ("rating", 3.0)),
        (("rating", 5.0), ("dislike", None)),
        (("rating", 5.0), ("hide", None)),
    ],
)
def test_a_vote_that_was_withdrawn_does_not_count(cast, people, first, then):
    now = timezone.now()
    for person in people[:5]:
        act(person, cast["Heat"], *first, at=now - 2 * DAY)
        act(person, cast["Heat"], *then, at=now - DAY)
        act(person, cast["Babe"], at=now - DAY)

    assert risen(trending()) == ["Babe"]


@pytest.mark.parametrize(
    ("first", "then"),
    [
        (("dislike", None), ("like", None)),
        (("hide", None), ("like", None)),
        (("rating", 1.0), ("like", None)),
        (("rating", 1.0), ("rating", 4.0)),
        (("dislike", None), ("rating", 5.0)),
        (("like", None), ("watch", None)),
        (("watch", None), ("like", None)),
        (("rating", 5.0), ("like", None)),
        (("rating", 5.0), ("view", None)),
    ],
)
def test_the_newest_judgement_counts_once(cast, people, first, then):
    now = timezone.now()
    for person in people[:5]:
        act(person, cast["Heat"], *first, at=now - 2 * DAY)
        act(person, cast["Heat"], *then, at=now - DAY)

    body = trending()
    assert risen(body) == ["Heat"]
    assert body["items"][0]["score"] == 5


def test_a_rating_that_staff_deleted_does_not_count(cast, people):
    for person in people[:5]:
        act(person, cast["Heat"], "rating", 5.0)
        act(person, cast["Babe"], "rating", 5.0)
    Rating.objects.filter(movie=cast["Heat"]).delete()

    assert risen(trending()) == ["Babe"]


def test_an_old_vote_withdrawn_today_is_gone_from_history(cast, history, people):
    for person in people[:4]:
        act(person, cast["Heat"], "dislike")
    Rating.objects.bulk_create(
        Rating(user=person, movie=cast["Casino"], value=5, rated_at=END - DAY) for person in people[:3]
    )

    assert risen(trending()) == ["Casino", "Alien"]


def test_a_rating_of_the_future_switches_nothing_off(cast, history):
    before = trending(limit=4)
    for title in ("Babe", "Casino"):
        Rating.objects.create(user=cast.bob, movie=cast[title], value=5, rated_at=datetime(2096, 1, 1, tzinfo=UTC))

    assert trending(limit=4) == before


def test_the_newest_days_that_have_enough_votes_are_taken(cast, people):
    later = END + 60 * DAY
    for n, person in enumerate(people[:5]):
        Rating.objects.create(user=person, movie=cast["Heat"], value=5, rated_at=END - n * DAY)
        Rating.objects.create(user=person, movie=cast["Babe"], value=5, rated_at=later - n * DAY)
        # Too few in any week, though they are the newest.
        Rating.objects.create(user=person, movie=cast["Alien"], value=5, rated_at=later + (n + 2) * 6 * DAY)

    body = trending()

    assert (body["basis"], body["until"]) == ("history", later.isoformat().replace("+00:00", "Z"))
    assert risen(body) == ["Babe"]


def of_votes(queries: CaptureQueriesContext) -> int:
    return sum("events_" in query["sql"] for query in queries)


def test_few_votes_are_read_where_they_are_enough(cast, people, monkeypatch):
    monkeypatch.setattr(trends, "_BATCH_SIZES", (6, 1000))
    for n, person in enumerate(people[:5]):
        Rating.objects.create(user=person, movie=cast["Heat"], value=5, rated_at=END - n * DAY / 2)
    with CaptureQueriesContext(connection) as found:
        assert risen(trending()) == ["Heat"]
    few = of_votes(found)

    # One person's many votes are read past.
    films = [make_movie() for _ in range(20)]
    Interaction.objects.bulk_create(Interaction(user=cast.bob, movie=film, kind="like") for film in films)
    with CaptureQueriesContext(connection) as found:
        assert risen(trending()) == ["Heat"]
    assert of_votes(found) == few + 1


def test_with_popular_movies_the_list_is_never_empty(cast):
    make_popular([cast["Heat"]], "Nothing Else")
    for query in ({}, {"genre": "crime"}, {"genre": "nothing-else"}):
        body = trending(**query)
        assert body["basis"] == "popular"
        assert body["items"]
        assert risen(body) == []
