"""What staff change of a movie is in its history, with the values before and after, and the last change is undone."""

from datetime import UTC, date, datetime

import pytest
from django.contrib.auth.models import Permission
from django.core.exceptions import ValidationError
from django_redis import get_redis_connection

from accounts.models import User
from movies.availability.models import MovieAvailability
from movies.availability.services import Window, availability_set
from movies.caching.version_tokens import CATALOGUE, token_key
from movies.changes import admin
from movies.changes.models import MovieChange
from movies.changes.services import changes_recorded
from movies.changes.undo import change_undo
from movies.models import Credit, Genre, Movie, MovieCertificate, Person
from movies.services import movies_hide, movies_tag
from tests.factories import make_genre, make_movie, make_user
from tests.unit.movies.test_admin import movie_form

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
CHANGELIST = "/admin/movies/movie/"


@pytest.fixture
def staff(db) -> User:
    return make_user(is_staff=True, is_superuser=True)


@pytest.fixture
def heat(db) -> Movie:
    return make_movie("Heat", 1995, genres=["Crime"], content_changed_at=LONG_AGO)


@pytest.fixture
def edit(client, staff, heat):
    """Saves the change page with these values."""
    client.force_login(staff)

    def save(**changes) -> MovieChange | None:
        heat.refresh_from_db()
        form = {"overview": heat.overview, "keywords": ",".join(heat.keywords), **changes}
        assert client.post(f"{CHANGELIST}{heat.pk}/change/", movie_form(heat, **form)).status_code == 302
        heat.refresh_from_db()
        return MovieChange.objects.order_by("pk").last()

    return save


def credit_form(person: Person, role: str = "director") -> dict:
    row = {"credits-0-person": person.pk, "credits-0-role": role, "credits-0-position": 0}
    return {"credits-TOTAL_FORMS": 1, **row}


def undo(client, movie: Movie, change: MovieChange | None = None):
    last = change or MovieChange.objects.filter(movie=movie).exclude(kind="undone").latest("pk")
    return client.post(f"{CHANGELIST}{movie.pk}/undo/", {"change": last.pk}, follow=True)


def test_an_edit_is_recorded_with_both_values(edit, staff, heat):
    change = edit(year=1996, genres=[])

    assert change.user == staff
    assert (change.kind, change.movie) == ("edited", heat)
    assert change.before == {"year": 1995, "genres": [[make_genre("Crime").pk, "Crime"]]}
    assert change.after == {"year": 1996, "genres": []}


def test_people_and_certificates_are_recorded(edit, heat):
    mann = Person.objects.create(name="Michael Mann")
    rating = {"certificates-TOTAL_FORMS": 1, "certificates-0-country": "de", "certificates-0-certificate": "16"}
    change = edit(**credit_form(mann), **rating)

    assert change.after == {"credits": [[mann.pk, "Michael Mann", "director", 0]], "certificates": {"DE": "16"}}


def test_saving_without_a_change_records_nothing(edit):
    assert edit() is None


def test_a_new_movie_is_recorded(client, staff):
    client.force_login(staff)
    client.post(f"{CHANGELIST}add/", movie_form(Movie(title="New", year=2020, status="draft", pk=0)))
    change = MovieChange.objects.get()

    assert (change.kind, change.before, change.after["title"]) == ("added", {}, "New")


def test_bulk_actions_are_recorded_for_changed_movies_only(staff, heat):
    hidden = make_movie("Hidden", status="hidden")
    movies_hide(movie_ids=[heat.pk, hidden.pk], user_id=staff.pk)

    change = MovieChange.objects.get()
    assert (change.movie, change.user, change.kind) == (heat, staff, "bulk")
    assert (change.before, change.after) == ({"status": "published"}, {"status": "hidden"})


def test_the_page_shows_who_when_and_what(edit, client, staff, heat):
    edit(overview="<b>A thief.</b>", genres=[make_genre("Noir").pk])
    page = client.get(f"{CHANGELIST}{heat.pk}/history/").text

    assert str(staff) in page
    assert "<ins>&lt;b&gt;A thief.&lt;/b&gt;</ins>" in page
    assert "<del>Crime</del> <ins>Noir</ins>" in page
    assert "Undo the last change" in page


def test_the_page_shows_merges_after_an_edit(edit, client, heat):
    edit(year=1996)
    other = make_movie("Ronin")
    form = {"duplicate": make_movie("Heat again").pk, "target": heat.pk, "reason": "the same film"}
    client.post(f"{CHANGELIST}merge/", form)
    page = client.get(f"{CHANGELIST}{heat.pk}/history/").text

    assert "the same film" in page
    assert "the same film" not in client.get(f"{CHANGELIST}{other.pk}/history/").text


def test_availability_is_recorded_and_undone(edit, client, staff, heat):
    MovieAvailability.objects.create(movie=heat, region="NO")
    availability_set(movie_ids=[heat.pk], windows=[Window("SE", None, date(2026, 5, 10))], user_id=staff.pk)
    change = MovieChange.objects.get()

    assert (change.kind, change.user) == ("bulk", staff)
    assert change.after == {"availability": [["SE", None, "2026-05-10"]]}
    page = client.get(f"{CHANGELIST}{heat.pk}/history/").text
    assert "<del>NO … to …</del> <ins>SE … to 2026-05-10</ins>" in page
    undo(client, heat)
    assert list(heat.availability.values_list("region", "available_to")) == [("NO", None)]


def test_availability_that_stays_records_nothing(staff, heat):
    MovieAvailability.objects.create(movie=heat, region="NO")
    availability_set(movie_ids=[heat.pk], windows=[Window("NO")], user_id=staff.pk)

    assert not MovieChange.objects.exists()


def test_undo_restores_every_field(client, staff, heat, django_capture_on_commit_callbacks):
    client.force_login(staff)
    mann = Person.objects.create(name="Michael Mann")
    Credit.objects.create(movie=heat, person=mann, role="director", position=3)
    MovieCertificate.objects.create(movie=heat, country="US", certificate="R")
    with changes_recorded(movie_ids=[heat.pk], user_id=staff.pk, kind="edited"):
        Movie.objects.update(title="Hot", keywords=["la"])
        for rows in (heat.credits, heat.certificates):
            rows.all().delete()
        heat.genres.clear()
    assert set(MovieChange.objects.get().after) == {"title", "keywords", "genres", "credits", "certificates"}
    before = get_redis_connection("default").get(token_key(CATALOGUE))

    with django_capture_on_commit_callbacks(execute=True):
        assert "The last change is undone." in undo(client, heat).text
    heat.refresh_from_db()
    assert (heat.title, heat.keywords, [genre.name for genre in heat.genres.all()]) == ("Heat", [], ["Crime"])
    assert [(c.person, c.role, c.position) for c in heat.credits.all()] == [(mann, "director", 3)]
    assert [str(one) for one in heat.certificates.all()] == ["US R"]
    assert heat.content_changed_at > LONG_AGO
    assert get_redis_connection("default").get(token_key(CATALOGUE)) != before


def test_undo_is_in_the_history_itself(edit, client, staff, heat):
    change = edit(year=1996)
    undo(client, heat)

    last = MovieChange.objects.latest("pk")
    assert (last.kind, last.user, last.undoes) == ("undone", staff, change)
    assert (last.before, last.after) == ({"year": 1996}, {"year": 1995})


def test_a_second_undo_takes_the_change_before(edit, client, heat):
    edit(year=1996)
    edit(title="Hot")
    undo(client, heat)
    page = client.get(f"{CHANGELIST}{heat.pk}/history/")
    client.post(f"{CHANGELIST}{heat.pk}/undo/", {"change": page.context["last"].pk})

    heat.refresh_from_db()
    assert (heat.title, heat.year) == ("Heat", 1995)
    assert "Undo the last change" not in client.get(f"{CHANGELIST}{heat.pk}/history/").text


def test_undo_is_refused_where_a_newer_value_contradicts(edit, client, heat):
    edit(year=1996)
    Movie.objects.update(year=1997)
    page = undo(client, heat).text

    assert "Year has been changed since: it is 1997, and the change made it 1996." in page
    assert Movie.objects.get(pk=heat.pk).year == 1997
    assert not MovieChange.objects.filter(kind="undone").exists()


def test_undo_is_refused_for_a_change_that_is_not_the_last(edit, client, heat):
    first = edit(year=1996)
    edit(title="Hot")

    assert "There is a newer change" in undo(client, heat, first).text
    heat.refresh_from_db()
    assert (heat.title, heat.year) == ("Hot", 1996)


def test_undo_is_refused_where_a_genre_is_gone(edit, client, heat):
    edit(genres=[])
    Genre.objects.all().delete()

    assert "Crime was deleted since: there is no such genre." in undo(client, heat).text


def test_undo_is_refused_where_an_id_is_taken(edit, client, heat):
    Movie.objects.filter(pk=heat.pk).update(movielens_id=6)
    edit(movielens_id="")
    make_movie("Other", movielens_id=6)

    assert "already exists" in undo(client, heat).text
    assert Movie.objects.get(pk=heat.pk).movielens_id is None


def test_the_addition_of_a_movie_is_not_undone(client, staff):
    client.force_login(staff)
    client.post(f"{CHANGELIST}add/", movie_form(Movie(title="New", year=2020, status="draft", pk=0)))
    new = Movie.objects.get(title="New")

    assert "hide or delete it instead" in undo(client, new).text
    assert Movie.objects.filter(pk=new.pk).exists()


def test_a_renamed_person_is_no_contradiction(staff, heat):
    noir = make_genre("Noir")
    movies_tag(movie_ids=[heat.pk], add_genres=[noir], user_id=staff.pk)
    Genre.objects.filter(pk=noir.pk).update(name="Film noir")
    change_undo(movie_id=heat.pk, user_id=staff.pk)

    assert [genre.name for genre in heat.genres.all()] == ["Crime"]


def test_nothing_to_undo_is_said(heat):
    with pytest.raises(ValidationError, match="no change to undo"):
        change_undo(movie_id=heat.pk, user_id=None)


def test_the_action_undoes_each_movies_last_change(client, staff, heat):
    client.force_login(staff)
    other = make_movie("Other", 1990)
    movies_hide(movie_ids=[heat.pk], user_id=staff.pk)
    page = client.post(
        CHANGELIST, {"action": "undo_selected", "_selected_action": [heat.pk, other.pk]}, follow=True
    ).text

    assert "Changes undone: 1." in page
    assert "Other (1990): There is no change to undo." in page
    assert Movie.objects.get(pk=heat.pk).status == "published"


def test_the_action_refuses_too_many_movies(client, staff, heat, monkeypatch):
    monkeypatch.setattr(admin, "MAX_UNDONE", 1)
    other = make_movie("Casino", 1995)
    movies_hide(movie_ids=[heat.pk, other.pk], user_id=staff.pk)
    client.force_login(staff)

    selected = {"action": "undo_selected", "_selected_action": [heat.pk, other.pk]}
    page = client.post(CHANGELIST, selected, follow=True)

    assert "Nothing is changed: select at most 1 movies at once" in page.text
    assert Movie.objects.filter(status="hidden").count() == 2


def test_whoever_may_only_look_cannot_undo(client, staff, heat):
    movies_hide(movie_ids=[heat.pk], user_id=staff.pk)
    viewer = make_user(is_staff=True)
    viewer.user_permissions.add(Permission.objects.get(codename="view_movie"))
    client.force_login(viewer)

    assert "Undo the last change" not in client.get(f"{CHANGELIST}{heat.pk}/history/").text
    assert undo(client, heat).status_code == 403
    assert Movie.objects.get(pk=heat.pk).status == "hidden"


@pytest.mark.parametrize("change", ["", "x", "²", "9" * 30])
def test_a_forged_undo_changes_nothing(client, staff, heat, change):
    movies_hide(movie_ids=[heat.pk], user_id=staff.pk)
    client.force_login(staff)

    assert client.post(f"{CHANGELIST}{heat.pk}/undo/", {"change": change}, follow=True).status_code == 200
    assert client.get(f"{CHANGELIST}{heat.pk}/undo/").status_code == 405
    assert Movie.objects.get(pk=heat.pk).status == "hidden"


def test_history_outlives_who_made_it(staff, heat):
    movies_hide(movie_ids=[heat.pk], user_id=staff.pk)
    staff.delete()

    assert MovieChange.objects.get().user is None
