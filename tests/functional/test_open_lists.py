"""What anyone may ask without signing in: a guest's list, similar movies, search, trending and latest, over HTTP."""

from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.models import User
from events.models import Interaction
from movies.caching.version_tokens import invalidate_catalogue
from movies.models import Movie
from tests.functional.cinema import SEARCH, SESSION, Cinema, Staff, movie_ids, rows

pytestmark = pytest.mark.django_db(transaction=True)
TRENDING = "/api/recommendations/trending/"
LATEST = "/api/recommendations/latest/"
POPULAR = "/api/recommendations/popular/"


def session(cinema: Cinema, body: dict) -> dict:
    answer = cinema.guest.ask("POST", SESSION, body)
    assert answer.status == 200, answer.body
    assert answer.headers["Cache-Control"] == "no-store"
    return answer.json()


def crime_among(cinema: Cinema, ids: list[int]) -> int:
    return len(cinema.titled("Crime").intersection(ids))


def test_a_guest_who_did_nothing_gets_what_is_popular(cinema: Cinema):
    answer = session(cinema, {"limit": 30})

    assert answer["user_state"] == "cold"
    assert movie_ids(answer) == cinema.person().ids(limit=30)


@pytest.mark.parametrize("shape", ["movie_ids", "events"])
def test_a_guests_list_follows_their_events_and_stores_nothing(cinema: Cinema, shape):
    liked = [movie.pk for movie in cinema.movies["Crime"][:5]]
    done = liked if shape == "movie_ids" else [{"movie": movie, "kind": "rating", "value": 5} for movie in liked]
    cold = movie_ids(session(cinema, {"limit": 20}))
    before = rows()

    answer = session(cinema, {shape: done, "limit": 20})

    assert rows() == before
    assert answer["user_state"] == "new"
    ids = movie_ids(answer)
    assert len(ids) == len(set(ids)) == 20
    assert not set(liked) & set(ids)
    assert crime_among(cinema, ids) > crime_among(cinema, cold)
    assert "because_liked" in {item["reason"]["code"] for item in answer["items"]}


def test_a_guests_dislikes_push_away(cinema: Cinema):
    crime = [movie.pk for movie in cinema.movies["Crime"][:4]]
    liked = [{"movie": cinema.movies[genre][10].pk, "kind": "like"} for genre in ("War", "Crime")]
    plain = session(cinema, {"events": liked})

    answer = session(cinema, {"events": [*liked, *({"movie": movie, "kind": "dislike"} for movie in crime)]})

    assert crime_among(cinema, movie_ids(answer)) < crime_among(cinema, movie_ids(plain))
    assert not set(crime) & set(movie_ids(answer))


def test_a_guests_list_can_be_narrowed_and_given_a_mood(cinema: Cinema):
    liked = [cinema.movies["Crime"][0].pk]
    body = {"movie_ids": liked, "genre": "science,war", "year_from": 1970, "language": "en", "limit": 100}
    passing = Movie.objects.filter(genres__slug__in=["science", "war"], year__gte=1970, language="en")
    wanted = set(passing.values_list("pk", flat=True))

    assert set(movie_ids(session(cinema, body))) == wanted
    unwanted = min(wanted)
    assert set(movie_ids(session(cinema, {**body, "exclude": str(unwanted)}))) == wanted - {unwanted}
    top = movie_ids(session(cinema, {"movie_ids": liked, "mood": "a robot on a spaceship", "limit": 10}))
    plain = movie_ids(session(cinema, {"movie_ids": liked, "limit": 10}))
    science = cinema.titled("Science")
    assert len(science.intersection(top)) > len(science.intersection(plain))


def test_two_guests_in_a_row_do_not_affect_each_other(cinema: Cinema):
    first = session(cinema, {"movie_ids": [cinema.movies["War"][0].pk]})
    other = session(cinema, {"movie_ids": [cinema.movies["Family"][0].pk]})

    again = session(cinema, {"movie_ids": [cinema.movies["War"][0].pk]})
    assert again["recommendation_id"] != first["recommendation_id"]
    assert again | {"recommendation_id": first["recommendation_id"]} == first
    assert cinema.movies["War"][0].pk not in movie_ids(first)
    assert movie_ids(other) != movie_ids(first)


def test_a_guests_token_is_not_read(cinema: Cinema):
    answer = cinema.guest.ask("POST", SESSION, {}, Authorization="Bearer expired")

    assert answer.status == 200


def test_similar_movies_share_the_taste_and_leave_out_the_movie(cinema: Cinema):
    heat = cinema.special["Heat"].pk

    ids = cinema.guest.ids(f"/api/movies/{heat}/similar/", limit=100)

    assert len(ids) == len(set(ids)) == 100
    assert heat not in ids
    assert crime_among(cinema, ids[:10]) >= 8
    assert cinema.guest.get("/api/movies/1000000000/similar/").status == 404
    assert cinema.guest.get(f"/api/movies/{cinema.special['Draft'].pk}/similar/").status == 404


@pytest.mark.parametrize(
    ("query", "title"), [("toy stroy", "Toy Story"), ("TOY STORY", "Toy Story"), ("tyo storry", "Toy Story")]
)
def test_a_search_forgives_typing_errors(cinema: Cinema, query, title):
    assert cinema.guest.titles(SEARCH, q=query)[0] == title


def test_a_search_finds_by_meaning(cinema: Cinema):
    # No text has a word of both; those about robots are found by what they have in common with it.
    found = cinema.guest.read(SEARCH, q="androids of a distant galaxy", limit=10)["items"]

    assert {item["movie"]["id"] for item in found} <= cinema.titled("Science")
    assert any(item["matched"] == ["meaning"] for item in found)


def test_a_search_can_be_narrowed(cinema: Cinema):
    ids = cinema.guest.ids(SEARCH, q="thief", genre="crime", year_from=1970, year_to=1980, limit=100)

    assert ids
    years = Movie.objects.filter(pk__in=ids).values_list("year", flat=True)
    assert all(1970 <= year <= 1980 for year in years)
    assert cinema.guest.ids(SEARCH, q="thief", genre="war", year_to=1900) == []


def test_what_is_not_published_is_not_found(cinema: Cinema):
    for title in ("Hidden", "Draft"):
        assert title not in cinema.guest.titles(SEARCH, q=title, limit=100)


def test_trending_shows_what_many_took_to_lately(cinema: Cinema):
    risen = cinema.movies["War"][30]
    people = [User.objects.create(email=f"trend{number}@example.org") for number in range(40)]
    Interaction.objects.bulk_create(
        Interaction(user=person, movie=risen, kind="like", occurred_at=timezone.now() - timedelta(hours=1))
        for person in people
    )
    # What is trending is kept for minutes, or until the catalogue changes.
    invalidate_catalogue()

    answer = cinema.guest.read(TRENDING)

    assert answer["basis"] == "now"
    assert answer["items"][0]["movie"]["id"] == risen.pk
    assert [item["rank"] for item in answer["items"]] == list(range(1, len(answer["items"]) + 1))
    assert cinema.guest.ids(TRENDING, genre="war")[0] == risen.pk
    assert risen.pk not in cinema.guest.ids(TRENDING, genre="family")
    sources = [item["reason"]["code"] for item in answer["items"]]
    assert len(sources) == 20
    assert sources == sorted(sources, reverse=True)


def test_latest_shows_a_movie_at_the_request_after_its_creation(cinema: Cinema):
    cinema.guest.ids(LATEST)
    staff = Staff(cinema)
    genre = cinema.movies["War"][0].genres.get().pk
    form = {"title": "The Newest", "year": 2024, "status": "published", "genres": genre}
    form |= {"overview": "", "keywords": "", "language": "", "poster_url": "", "imdb_id": ""}
    for inline in ("credits", "certificates", "dataset_ids", "availability"):
        form |= {f"{inline}-TOTAL_FORMS": 0, f"{inline}-INITIAL_FORMS": 0}

    staff.post("/admin/movies/movie/add/", **form)
    try:
        assert {cinema.guest.titles(LATEST)[0] for _ in range(4)} == {"The Newest"}
        assert cinema.guest.titles(LATEST, genre="war")[0] == "The Newest"
        assert "The Newest" not in cinema.guest.titles(LATEST, genre="crime", limit=100)
    finally:
        Movie.objects.filter(title="The Newest").delete()
        invalidate_catalogue()


def test_popular_movies_are_ranked_and_kept_to_a_genre(cinema: Cinema):
    answer = cinema.guest.read(POPULAR, limit=100)

    assert [item["rank"] for item in answer["items"]] == list(range(1, 101))
    scores = [item["score"] for item in answer["items"]]
    assert scores == sorted(scores, reverse=True)
    assert set(cinema.guest.ids(POPULAR, genre="war", limit=100)) <= cinema.titled("War")


@pytest.mark.parametrize("path", [POPULAR, TRENDING, LATEST, SEARCH, "/api/movies/1/similar/"])
@pytest.mark.parametrize("limit", [1, 5, 100])
def test_no_list_is_longer_than_its_limit_or_repeats(cinema: Cinema, path, limit):
    movie = cinema.special["Heat"].pk
    query = {"q": "thief"} if path == SEARCH else {}

    ids = cinema.guest.ids(path.replace("/1/", f"/{movie}/"), limit=limit, **query)

    assert 0 < len(ids) == len(set(ids)) <= limit
