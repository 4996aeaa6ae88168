"""Staff curate the catalogue in the admin."""

import uuid
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from django.contrib.admin.models import LogEntry
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django_redis import get_redis_connection

from events.models import ListImpression
from movies import paginator
from movies.caching import version_tokens
from movies.caching.version_tokens import CATALOGUE, token_key
from movies.models import Credit, Genre, Movie, Person
from movies.paginator import EstimatedCountPaginator
from tests.factories import make_movie

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
CHANGELIST = "/admin/movies/movie/"


@pytest.fixture
def staff(cast, client):
    client.force_login(cast.stan)
    Movie.objects.update(content_changed_at=LONG_AGO)
    return client


def movie_form(movie: Movie, **changes) -> dict:
    """What the change page of a movie would post, with no credits."""
    form = {
        "title": movie.title,
        "year": movie.year,
        "status": movie.status,
        "genres": [genre.pk for genre in movie.genres.all()],
        "overview": "",
        "keywords": "",
        "language": "",
        "poster_url": "",
        "imdb_id": "",
        "credits-TOTAL_FORMS": 0,
        "credits-INITIAL_FORMS": 0,
        "certificates-TOTAL_FORMS": 0,
        "certificates-INITIAL_FORMS": 0,
        "dataset_ids-TOTAL_FORMS": 0,
        "availability-TOTAL_FORMS": 0,
        "availability-INITIAL_FORMS": 0,
        "dataset_ids-INITIAL_FORMS": 0,
    }
    return form | changes


@pytest.mark.parametrize(
    ("action", "before", "after"),
    [("hide_selected", "published", "hidden"), ("publish_selected", "hidden", "published")],
)
def test_actions_change_the_status_and_are_logged(cast, staff, action, before, after):
    Movie.objects.filter(pk=cast["Heat"].pk).update(status=before)

    response = staff.post(CHANGELIST, {"action": action, "_selected_action": [cast["Heat"].pk]}, follow=True)

    assert f"1 movie was {after}." in response.text
    assert Movie.objects.get(title="Heat").status == after
    assert Movie.objects.get(title="Casino").status == "published"
    assert LogEntry.objects.get().object_id == str(cast["Heat"].pk)


@pytest.mark.parametrize("term", ["heat", "HEAT 1990", "eat"])
def test_the_list_is_searched_by_title_and_year(cast, staff, term):
    make_movie("Heat Wave", 1990)
    response = staff.get(CHANGELIST, {"q": term})

    assert "Heat" in response.text
    assert "Casino" not in response.text


def test_the_list_costs_the_same_queries_for_more_movies(cast, staff):
    with CaptureQueriesContext(connection) as few:
        staff.get(CHANGELIST)
    for number in range(30):
        make_movie(f"Extra {number}", genres=["Drama"])
    with CaptureQueriesContext(connection) as many:
        staff.get(CHANGELIST)

    assert len(many) <= len(few) <= 12


def test_an_edit_marks_the_content_as_changed_and_lists_as_stale(cast, staff, django_capture_on_commit_callbacks):
    before = get_redis_connection("default").get(token_key(CATALOGUE))
    heat = cast["Heat"]
    with django_capture_on_commit_callbacks(execute=True):
        response = staff.post(f"{CHANGELIST}{heat.pk}/change/", movie_form(heat, overview="A thief."))

    assert response.status_code == 302
    heat.refresh_from_db()
    assert heat.overview == "A thief."
    assert heat.content_changed_at > LONG_AGO
    assert get_redis_connection("default").get(token_key(CATALOGUE)) != before


def test_an_edit_of_genres_or_credits_alone_marks_it_too(cast, staff):
    babe, mann = cast["Babe"], Person.objects.create(name="Mann")
    genres = [Genre.objects.get(slug="crime").pk]
    staff.post(f"{CHANGELIST}{babe.pk}/change/", movie_form(babe, genres=genres))
    credit = {
        "credits-TOTAL_FORMS": 1,
        "credits-0-person": mann.pk,
        "credits-0-role": "director",
        "credits-0-position": 0,
    }
    heat = cast["Heat"]
    staff.post(f"{CHANGELIST}{heat.pk}/change/", movie_form(heat, **credit))

    assert [genre.slug for genre in babe.genres.all()] == ["crime"]
    assert Credit.objects.get().movie == heat
    assert Movie.objects.filter(content_changed_at__gt=LONG_AGO).count() == 2


def test_saving_without_a_change_marks_nothing(cast, staff):
    heat = cast["Heat"]
    assert staff.post(f"{CHANGELIST}{heat.pk}/change/", movie_form(heat)).status_code == 302

    assert not Movie.objects.filter(content_changed_at__gt=LONG_AGO).exists()


def test_renaming_a_genre_marks_its_movies(cast, staff):
    genre = Genre.objects.get(slug="crime")
    staff.post(f"/admin/movies/genre/{genre.pk}/change/", {"name": "Noir", "slug": "noir"})

    assert {movie.title for movie in Movie.objects.filter(content_changed_at__gt=LONG_AGO)} == {
        "Heat",
        "Casino",
        "Goodfellas",
    }


CURATED = {
    "a movie is added": ("movie/add/", lambda p: movie_form(Movie.objects.get(pk=p.movie), title="New")),
    "a movie is hidden": (
        "movie/{p.movie}/change/",
        lambda p: movie_form(Movie.objects.get(pk=p.movie), status="hidden"),
    ),
    "a movie changes genre": (
        "movie/{p.movie}/change/",
        lambda p: movie_form(Movie.objects.get(pk=p.movie), genres=[]),
    ),
    "movies are hidden": ("movie/", lambda p: {"action": "hide_selected", "_selected_action": [p.movie]}),
    "a movie is deleted": ("movie/{p.movie}/delete/", lambda p: {"delete": "1"}),
    "movies are deleted": ("movie/delete/", lambda p: {"ids": p.movie, "delete": "1"}),
    "a movie is merged": ("movie/merge/", lambda p: {"duplicate": p.movie, "target": p.other, "reason": "x"}),
    "a genre is renamed": ("genre/{p.genre}/change/", lambda p: {"name": "Noir", "slug": "noir"}),
    "a genre is deleted": ("genre/{p.genre}/delete/", lambda p: {"post": "yes"}),
    "genres are deleted": ("genre/", lambda p: delete_selected(p.genre)),
    "a person is renamed": ("person/{p.person}/change/", lambda p: {"name": "Mann", "imdb_id": "", "tmdb_id": ""}),
    "a person is deleted": ("person/{p.person}/delete/", lambda p: {"post": "yes"}),
    "people are deleted": ("person/", lambda p: delete_selected(p.person)),
}


def delete_selected(pk: int) -> dict:
    return {"action": "delete_selected", "_selected_action": [pk], "post": "yes"}


def catalogue() -> list:
    """All that lists show of the catalogue."""
    return [
        list(Movie.objects.order_by("pk").values_list("pk", "title", "status", "genres__slug")),
        list(Credit.objects.order_by("pk").values_list("movie", "person__name")),
    ]


@pytest.mark.parametrize("what", CURATED)
def test_whatever_staff_change_ends_cached_lists_once_it_is_done(committed_cast, client, monkeypatch, what):
    heat, person = committed_cast["Heat"], Person.objects.create(name="Michael Mann")
    Credit.objects.create(movie=heat, person=person, role="director")
    client.force_login(committed_cast.stan)
    other = committed_cast["Casino"].pk
    pks = SimpleNamespace(movie=heat.pk, other=other, genre=Genre.objects.get(slug="crime").pk, person=person.pk)
    seen = []
    monkeypatch.setattr(version_tokens, "invalidate", lambda name: seen.append((name, catalogue())))
    before = catalogue()
    path, form = CURATED[what]
    response = client.post("/admin/movies/" + path.format(p=pks), form(pks))

    assert response.status_code == 302
    assert catalogue() != before
    assert (CATALOGUE, catalogue()) in seen


@pytest.mark.parametrize("page", ["movies/movie", "movies/genre", "movies/person"])
def test_every_page_opens(cast, staff, page):
    assert staff.get(f"/admin/{page}/").status_code == 200
    assert staff.get(f"/admin/{page}/add/").status_code == 200
    assert staff.get(f"/admin/{page}/?q=heat%00").status_code == 200


def test_a_filtered_count_is_exact_for_small_lists(cast):
    assert EstimatedCountPaginator(Movie.objects.order_by("pk"), 5).count == 9
    assert EstimatedCountPaginator(Movie.objects.filter(title="Heat"), 5).count == 1


@pytest.mark.django_db
def test_a_partitioned_table_is_estimated_by_its_partitions(monkeypatch):
    monkeypatch.setattr(paginator, "MAX_COUNTED", 2)
    for _ in range(3):
        ListImpression.objects.create(recommendation_id=uuid.uuid4(), count=1)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE events_listimpression")

    with CaptureQueriesContext(connection) as queries:
        assert EstimatedCountPaginator(ListImpression.objects.order_by("pk"), 5).count == 3
    assert len(queries) == 1
