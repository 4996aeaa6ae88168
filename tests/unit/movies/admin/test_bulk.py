"""Staff change genres and keywords of many movies at once."""

import pytest

from movies.admin import bulk
from movies.models import Movie
from tests.factories import make_genre, make_movie

CHANGELIST = "/admin/movies/movie/"


@pytest.fixture
def staff(cast, client):
    client.force_login(cast.stan)
    return client


def tag(client, *movies: Movie, **fields):
    form = {"action": "tag_selected", "_selected_action": [movie.pk for movie in movies], "select_across": "0"}
    return client.post(CHANGELIST, {**form, **fields}, follow=True)


def test_the_action_asks_first(cast, staff):
    page = tag(staff, cast["Heat"], cast["Casino"])

    assert "2 selected movies" in page.text
    assert Movie.objects.get(title="Heat").keywords == []


def test_genres_and_keywords_are_added_and_removed(cast, staff):
    Movie.objects.filter(title="Casino").update(keywords=["Mob", "las vegas"])
    noir, crime = make_genre("Noir"), make_genre("Crime")
    page = tag(
        staff,
        cast["Heat"],
        cast["Casino"],
        apply="1",
        add_genres=[noir.pk],
        remove_genres=[crime.pk],
        add_keywords="heist,  Las  Vegas",
        remove_keywords="mob",
    )

    assert "2 movies were tagged." in page.text
    heat, casino = Movie.objects.get(title="Heat"), Movie.objects.get(title="Casino")
    assert (heat.keywords, casino.keywords) == (["heist", "Las Vegas"], ["las vegas", "heist"])
    assert [genre.name for genre in heat.genres.all()] == ["Noir"]
    assert Movie.objects.get(title="Goodfellas").genres.get() == crime
    assert heat.changes.get().after["keywords"] == ["heist", "Las Vegas"]


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({}, "Say what to add or remove."),
        ({"add_keywords": "a", "remove_keywords": "A"}, "a cannot be added and removed at once."),
        ({"add_keywords": "x" * 81}, "at most 80 characters"),
        ({"add_keywords": ",".join(f"word {n}" for n in range(101))}, "more than 100 keywords"),
        ({"add_keywords": "a\x00b"}, "Null characters"),
        ({"add_genres": ["999999"]}, "not one of the available choices"),
    ],
)
def test_what_cannot_be_is_refused_in_words(cast, staff, fields, error):
    assert error in tag(staff, cast["Heat"], apply="1", **fields).text
    assert Movie.objects.get(title="Heat").keywords == []
    assert not Movie.objects.get(title="Heat").changes.exists()


def test_all_movies_of_a_filter_are_tagged(cast, staff):
    make_movie("Draft", status="draft")
    first = Movie.objects.filter(status="published").first()
    form = {"action": "tag_selected", "_selected_action": [first.pk], "select_across": "1", "apply": "1"}
    staff.post(f"{CHANGELIST}?status__exact=published", {**form, "add_keywords": "shown"})

    assert Movie.objects.filter(keywords=["shown"]).count() == Movie.objects.filter(status="published").count()
    assert Movie.objects.get(title="Draft").keywords == []


@pytest.mark.parametrize("action", ["hide_selected", "tag_selected"])
def test_too_many_movies_are_refused(cast, staff, monkeypatch, action):
    monkeypatch.setattr(bulk, "MAX_SELECTED", 1)
    form = {"action": action, "_selected_action": [cast["Heat"].pk, cast["Casino"].pk], "apply": "1"}
    page = staff.post(CHANGELIST, {**form, "add_keywords": "x"}, follow=True)

    assert "select at most 1 movies at once" in page.text
    assert Movie.objects.filter(status="published", keywords=[]).count() == Movie.objects.count()
