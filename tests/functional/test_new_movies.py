"""Places for new movies, and lists of those whose likes no model can read, over HTTP."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from django.utils import timezone

from movies.caching.version_tokens import invalidate_catalogue
from movies.models import Movie
from recommendations.models import ModelVersion
from recommendations.vectors.refresh import embeddings_refresh
from tests.factories import make_movie
from tests.functional.cinema import SESSION, Cinema, Client, Staff, movie_ids
from tests.served import served_lists

pytestmark = pytest.mark.django_db(transaction=True)
TENTH = 9
HEISTS = "A thief and his gangster friends plan a heist; a detective hunts the mafia."


@pytest.fixture
def fresh(cinema: Cinema) -> Iterator[Movie]:
    """A movie of crime that was added a moment ago and that the minute's work has read."""
    movie = make_movie("The Freshest", 2024, ["Crime"], overview=HEISTS, language="en", runtime_minutes=99)
    embeddings_refresh()
    yield movie
    Movie.objects.filter(title__startswith="The Freshest").delete()
    invalidate_catalogue()


@contextmanager
def no_live_model() -> Iterator[None]:
    live = ModelVersion.objects.filter(status=ModelVersion.Status.LIVE).get()
    ModelVersion.objects.filter(pk=live.pk).update(status=ModelVersion.Status.RETIRED)
    invalidate_catalogue()
    try:
        yield
    finally:
        ModelVersion.objects.filter(pk=live.pk).update(status=ModelVersion.Status.LIVE)
        invalidate_catalogue()


def explored(answer: dict) -> list[int]:
    return [item["movie"]["id"] for item in answer["items"] if item.get("explored")]


def test_a_new_movie_is_tenth_and_says_why_and_is_logged(cinema: Cinema, fresh: Movie):
    person = cinema.person()

    answer = person.read(limit=100, explain="true")

    item = answer["items"][TENTH]
    assert (item["movie"]["id"], item["explored"]) == (fresh.pk, True)
    assert item["reason"] == {"code": "new", "text": "New this week"}
    assert explored(answer) == [fresh.pk]
    assert len(set(movie_ids(answer))) == len(answer["items"]) == 100
    assert answer["explanation"]["exploration"]["movies"] == [fresh.pk]
    served = served_lists().get(pk=answer["recommendation_id"])
    assert (served.explored, served.movie_ids) == ([fresh.pk], movie_ids(answer))


def test_of_new_movies_each_person_is_shown_what_suits_them(cinema: Cinema, fresh: Movie):
    other = make_movie("The Freshest Trench", 2024, ["War"], overview="Soldiers of an army battle in a trench.")
    embeddings_refresh()

    for genre, own, foreign in (("Crime", fresh, other), ("War", other, fresh)):
        shown = cinema.fan(genre).ids(limit=100)
        # It may stand among the first by itself, and leave the place to another.
        assert shown.index(own.pk) < 20
        assert foreign.pk not in shown[: shown.index(own.pk)]


def test_pages_hold_a_new_movie_once(cinema: Cinema, fresh: Movie):
    person = cinema.person()
    whole = person.ids(limit=100)
    paged: list[int] = []
    cursor: dict[str, str] = {}
    while True:
        page = person.read(limit=7, **cursor)
        paged += movie_ids(page)
        if page["next_cursor"] is None:
            break
        cursor = {"cursor": page["next_cursor"]}

    assert paged == whole
    assert paged.count(fresh.pk) == 1


def test_a_new_movie_is_not_explored_once_hidden(cinema: Cinema, fresh: Movie):
    staff = Staff(cinema)
    one, other = cinema.person(), cinema.person()
    assert fresh.pk in one.ids()
    assert fresh.pk in other.ids()

    one.tell(fresh.pk, "hide")
    assert fresh.pk not in one.ids(limit=100)
    assert fresh.pk in other.ids()

    staff.post("/admin/movies/movie/", action="hide_selected", _selected_action=fresh.pk)
    # Each process has to know.
    for _ in range(6):
        assert fresh.pk not in other.ids(limit=100)


def test_a_new_movie_passes_the_filters_or_is_not_explored(cinema: Cinema, fresh: Movie):
    person = cinema.person()

    assert explored(person.read(genre="crime,family,war")) == [fresh.pk]
    for narrowed in ({"genre": "family,science,war"}, {"year_to": 2000}, {"language": "fr"}, {"max_runtime": 98}):
        assert fresh.pk not in person.ids(limit=100, **narrowed)
    assert fresh.pk not in person.ids(limit=100, exclude=fresh.pk)


def test_only_new_movies_are_explored_and_only_in_logged_lists(cinema: Cinema, fresh: Movie):
    assert explored(cinema.guest.ask("POST", SESSION, {}).json()) == []

    Movie.objects.filter(pk=fresh.pk).update(created_at=timezone.now() - timedelta(days=31))
    invalidate_catalogue()

    assert explored(cinema.person().read(limit=100)) == []


def liking_war(cinema: Cinema) -> tuple[Client, set[int]]:
    """Somebody who liked three movies of war and disliked another, and these."""
    person = cinema.person()
    judged = [movie.pk for movie in cinema.movies["War"][10:14]]
    for movie, kind in zip(judged, ("like", "like", "like", "dislike"), strict=True):
        person.tell(movie, kind)
    return person, set(judged)


def test_without_a_model_popular_movies_of_liked_genres_lead(cinema: Cinema):
    person, judged = liking_war(cinema)
    with no_live_model():
        answer = person.read(limit=100)
        cold = cinema.person().read(limit=20)
        narrowed = person.read(genre="crime", limit=20)

    shown = movie_ids(answer)
    unseen = cinema.titled("War") - judged
    assert set(shown[: len(unseen)]) == unseen
    assert len(shown) == len(set(shown)) == 100
    liked = {"code": "popular_in_genre", "text": "Popular with people who like War", "genre": "war"}
    assert all(item["reason"] == liked for item in answer["items"][: len(unseen)])
    rest = [*answer["items"][len(unseen) :], *cold["items"], *narrowed["items"]]
    assert {item["reason"]["code"] for item in rest} == {"popular"}
    assert len(narrowed["items"]) == 20
    assert set(movie_ids(narrowed)) <= cinema.titled("Crime")
    assert answer["model_version"] is None


def test_without_a_model_an_event_shows_in_the_very_next_list(cinema: Cinema):
    person, _ = liking_war(cinema)
    with no_live_model():
        first = person.ids()[0]
        person.tell(first, "hide")
        assert first not in person.ids(limit=100)
    assert person.read()["model_version"] is not None
