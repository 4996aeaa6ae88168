"""One person's list, over HTTP: it answers to what they did, narrows, goes on in pages and says how it came about."""

import pytest

from events.models import Rating
from movies.models import Movie
from tests.functional.cinema import LIST, PER_GENRE, Cinema, movie_ids
from tests.served import served_lists

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_new_persons_next_list_follows_their_first_event(cinema: Cinema):
    account = {"email": "new@example.org", "password": "a long enough one"}
    token = cinema.guest.ask("POST", "/api/auth/register/", account).json()["access"]
    new = cinema.guest.__class__(cinema.server, token=token)
    heat = cinema.special["Heat"].pk
    before = new.read(limit=100)

    new.tell(heat)
    after = new.read(limit=100)

    assert (before["user_state"], after["user_state"]) == ("cold", "new")
    assert heat in movie_ids(before)
    assert heat not in movie_ids(after)
    assert after["recommendation_id"] != before["recommendation_id"]
    crime = cinema.titled("Crime")
    assert len(crime.intersection(movie_ids(after)[:40])) > len(crime.intersection(movie_ids(before)[:40]))
    assert {"code": "because_liked", "text": "Because you liked Heat", "movie_id": heat} in [
        item["reason"] for item in after["items"]
    ]


@pytest.mark.parametrize(
    ("kind", "value"), [("watch", None), ("like", None), ("dislike", None), ("hide", None), ("rating", 0.5)]
)
def test_every_event_shows_in_the_very_next_list(cinema: Cinema, kind, value):
    person = cinema.person()
    for _ in range(3):
        first = person.ids(limit=100)[0]
        person.tell(first, kind, value)

        assert first not in person.ids(limit=100)


def test_a_viewed_movie_stays_and_moves_the_list(cinema: Cinema):
    person = cinema.person()
    before = person.ids(limit=100)
    viewed = before[50]
    person.tell(viewed, "view")

    after = person.ids(limit=100)

    assert after != before
    assert viewed in after


@pytest.mark.parametrize("limit", [1, 2, 99, 100])
def test_a_list_holds_as_many_as_were_asked_for_none_twice(cinema: Cinema, limit):
    ids = cinema.fan("War").ids(limit=limit)

    assert len(ids) == len(set(ids)) == limit


def test_a_list_holds_twenty_where_nothing_is_asked(cinema: Cinema):
    assert len(cinema.fan("War").ids()) == 20


@pytest.mark.parametrize("narrow", [{}, {"genre": "war"}, {"mood": "robots"}])
@pytest.mark.parametrize("limit", [7, 33])
def test_pages_make_up_one_list(cinema: Cinema, limit, narrow):
    person = cinema.fan("Crime")
    page = person.read(limit=limit, **narrow)
    pages = [movie_ids(page)]
    while page["next_cursor"]:
        following = person.read(limit=limit, cursor=page["next_cursor"], **narrow)
        assert following["recommendation_id"] == page["recommendation_id"]
        page = following
        pages.append(movie_ids(page))

    assert [len(ids) for ids in pages[:-1]] == [limit] * (len(pages) - 1)
    served = served_lists().get(pk=page["recommendation_id"])
    assert [movie for ids in pages for movie in ids] == served.movie_ids
    assert len(set(served.movie_ids)) == len(served.movie_ids)
    assert served.user == person.user


def test_pages_continue_after_an_event_and_leave_out_seen_movies(cinema: Cinema):
    person = cinema.fan("Crime")
    whole = person.ids(limit=100)
    first = person.read(limit=10)
    person.tell(whole[0], "dislike")
    person.tell(whole[25], "hide")
    changed = person.read(limit=10)

    second = person.read(limit=10, cursor=first["next_cursor"])
    third = person.read(limit=80, cursor=second["next_cursor"])

    assert changed["recommendation_id"] != first["recommendation_id"]
    assert second["recommendation_id"] == third["recommendation_id"] == first["recommendation_id"]
    left = [movie for movie in whole if movie not in (whole[0], whole[25])]
    assert movie_ids(first)[1:] + movie_ids(second) + movie_ids(third) == left
    assert third["next_cursor"] is None


FILTERS = {
    "genre": ({"genre": "crime"}, {"genres__slug": "crime"}),
    "genres": ({"genre": ["crime", "war"]}, {"genres__slug__in": ["crime", "war"]}),
    "genres, commas": ({"genre": "crime,war"}, {"genres__slug__in": ["crime", "war"]}),
    "year_from": ({"year_from": 1985}, {"year__gte": 1985}),
    "year_to": ({"year_to": 1969}, {"year__lte": 1969}),
    "language": ({"language": "FR"}, {"language": "fr"}),
    "max_runtime": ({"max_runtime": 90}, {"runtime_minutes__lte": 90}),
    "all": (
        {"genre": "science", "year_from": 1965, "year_to": 1990, "language": "de", "max_runtime": 105},
        {
            "genres__slug": "science",
            "year__range": (1965, 1990),
            "language": "de",
            "runtime_minutes__lte": 105,
        },
    ),
}


@pytest.mark.parametrize("name", FILTERS)
@pytest.mark.parametrize("who", ["cold", "fan"])
def test_a_filter_costs_no_rows(cinema: Cinema, name, who):
    query, condition = FILTERS[name]
    person = cinema.person() if who == "cold" else cinema.fan("Science")
    rated = Rating.objects.filter(user=person.user).values("movie_id")
    passing = set(
        Movie.objects.filter(status="published", **condition).exclude(pk__in=rated).values_list("pk", flat=True)
    )

    ids = person.ids(limit=100, **query)

    assert passing
    assert set(ids) <= passing
    assert len(ids) == len(set(ids)) == min(len(passing), 100)


def test_what_is_excluded_is_left_out_alone_and_with_filters(cinema: Cinema):
    person = cinema.fan("War")
    own = person.ids(genre="war", limit=100)
    unwanted = own[:5]

    assert not set(unwanted) & set(person.ids(limit=100, exclude=",".join(map(str, unwanted))))
    assert not set(unwanted) & set(person.ids(limit=100, exclude=unwanted))
    narrowed = person.ids(genre="war", limit=100, exclude=",".join(map(str, [*unwanted, 10**9])))
    assert sorted(narrowed) == sorted(set(own) - set(unwanted))
    assert unwanted[0] in person.ids(limit=100)


def test_a_mood_moves_the_list_toward_what_it_says(cinema: Cinema):
    person = cinema.fan("War")
    plain = person.ids(limit=10)

    moved = person.ids(limit=10, mood="a robot on a spaceship")

    def science(ids: list[int]) -> int:
        return len(cinema.titled("Science").intersection(ids))

    assert science(moved) > science(plain)
    # Taste still counts: not the same list for everybody.
    assert moved != cinema.fan("Family").ids(limit=10, mood="a robot on a spaceship")


@pytest.mark.parametrize("mood", ["qwrtzpsd xkcdvbn", "!!! ???", "🤖", "的"])
def test_a_mood_of_unknown_words_changes_nothing(cinema: Cinema, mood):
    person = cinema.fan("Family")

    assert person.ids(limit=100, mood=mood) == person.ids(limit=100)


def test_a_mood_and_a_filter_hold_together(cinema: Cinema):
    ids = cinema.person().ids(limit=100, mood="robots of a galaxy", genre="crime")

    assert set(ids) == cinema.titled("Crime")


def test_a_list_explains_itself(cinema: Cinema):
    person = cinema.fan("Crime")
    liked, unwanted = cinema.special["Toy Story"].pk, person.ids()[3]
    rated = Rating.objects.filter(user=person.user).count()
    person.tell(liked)

    answer = person.read(explain="true", limit=100, exclude=str(unwanted), genre="crime,family")
    explanation = answer["explanation"]

    assert explanation["user_state"] == answer["user_state"] == "known"
    assert explanation["cache"] == "filtered"
    newest = explanation["signals"]["newest"][0]
    assert (newest["movie_id"], newest["kind"], newest["value"]) == (liked, "like", None)
    assert newest["weight"] > 0
    assert explanation["signals"]["counted"] == len(explanation["signals"]["newest"])
    assert explanation["batch"]["model_version"] == answer["model_version"]
    assert explanation["batch"]["movies"] == 100
    assert explanation["batch"]["trained_at"]
    assert sum(explanation["weights"].values()) == pytest.approx(1, abs=0.001)
    shares = [item["sources"] for item in answer["items"]]
    for source in ("batch", "realtime", "popular"):
        mean = sum(share[source] for share in shares) / len(shares)
        assert explanation["source_shares"][source] == pytest.approx(mean, abs=0.001)
    left_out = explanation["left_out"]
    assert left_out["seen"] == rated + (not Rating.objects.filter(user=person.user, movie=liked).exists())
    assert left_out["excluded"] == 1
    assert left_out["of_batch_filtered"] > 0
    assert "explanation" not in person.read()


def test_an_explanation_says_where_the_list_came_from(cinema: Cinema):
    person = cinema.fan("Crime")

    explanations = [person.read(explain="true")["explanation"] for _ in range(2)]

    assert explanations[1]["cache"] == "hit"
    assert {**explanations[0], "cache": ""} == {**explanations[1], "cache": ""}


def test_every_item_says_its_score_shares_and_reason(cinema: Cinema):
    for person in (cinema.fan("Science"), cinema.person()):
        for item in person.read(limit=100)["items"]:
            assert 0 <= item["score"] <= 1
            assert sum(item["sources"].values()) == pytest.approx(1, abs=0.001)
            assert item["reason"]["text"]
            assert item["reason"]["code"] in ("because_liked", "taste", "popular")


def test_nothing_that_was_never_published_is_shown_to_anybody(cinema: Cinema):
    never = {cinema.special["Hidden"].pk, cinema.special["Draft"].pk}

    for person in (cinema.fan("Crime"), cinema.person()):
        assert not never & set(person.ids(limit=100))
        assert not never & set(person.ids(limit=100, genre="crime"))
        assert not never & set(person.ids(limit=100, genre="crime", mood="thief police"))


def test_a_list_ends_with_the_catalogue_and_repeats_nothing(cinema: Cinema):
    person = cinema.person()
    for movie in sorted(cinema.titled("Family"))[: PER_GENRE - 2]:
        person.tell(movie, "watch")

    rest = person.read(genre="family", limit=100)

    assert len(movie_ids(rest)) == 3
    assert rest["next_cursor"] is None
    assert set(movie_ids(rest)) == set(sorted(cinema.titled("Family"))[PER_GENRE - 2 :])


def test_a_list_needs_a_token(cinema: Cinema):
    assert cinema.guest.get(LIST).status == 401
    assert cinema.guest.ask("GET", LIST, Authorization="Bearer x").status == 401
