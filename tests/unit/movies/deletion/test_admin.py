"""The admin's pages that delete movies: counts instead of rows, and hiding as the other choice."""

import pytest
from django.contrib.admin.models import DELETION, LogEntry
from django.contrib.auth.models import Permission
from django.db import connection
from django.test.utils import CaptureQueriesContext

from events.models import Interaction
from movies.deletion import admin, services
from movies.models import Movie, MovieDeletion
from tests.factories import make_user
from tests.unit.movies.merging.rows import did, rated

CHANGELIST, DELETIONS = "/admin/movies/movie/", "/admin/movies/moviedeletion/"
SELECTED = f"{CHANGELIST}delete/"


@pytest.fixture
def staff(cast, client):
    client.force_login(cast.stan)
    return client


@pytest.fixture
def heat(cast) -> Movie:
    for user in (cast.alice, cast.bob):
        rated(user, cast["Heat"], 4.0, 1)
        did(user, cast["Heat"], "view")
    return cast["Heat"]


def test_the_page_counts_and_lists_no_rows(cast, staff, heat):
    with CaptureQueriesContext(connection) as few:
        page = staff.get(f"{CHANGELIST}{heat.pk}/delete/")
    for _ in range(30):
        did(cast.alice, heat, "view")
    with CaptureQueriesContext(connection) as many:
        staff.get(f"{CHANGELIST}{heat.pk}/delete/")

    assert "<td>ratings</td><td>2</td>" in page.text
    assert "Better hide" in page.text
    assert len(many) == len(few)


def test_hiding_instead_deletes_nothing(cast, staff, heat):
    answer = staff.post(f"{CHANGELIST}{heat.pk}/delete/", {"hide": "1"}, follow=True)

    assert "Nothing is deleted." in answer.text
    assert Movie.objects.get(pk=heat.pk).status == "hidden"
    assert Interaction.objects.count() == 2
    assert not MovieDeletion.objects.exists()
    assert [change.user for change in heat.changes.all()] == [cast.stan]


def test_deleting_is_logged(cast, staff, heat):
    answer = staff.post(f"{CHANGELIST}{heat.pk}/delete/", {"delete": "1"}, follow=True)

    assert "Deleted." in answer.text
    assert not Movie.objects.filter(pk=heat.pk).exists()
    assert not Interaction.objects.exists()
    entry = LogEntry.objects.get()
    assert (entry.object_repr, entry.action_flag) == ("Heat (1990)", DELETION)


def test_a_large_movie_goes_in_the_background(cast, staff, heat, monkeypatch):
    monkeypatch.setattr(services, "MAX_AT_ONCE", 0)
    monkeypatch.setattr(admin, "MAX_AT_ONCE", 0)
    assert "in the background" in staff.get(f"{CHANGELIST}{heat.pk}/delete/").text
    answer = staff.post(f"{CHANGELIST}{heat.pk}/delete/", {"delete": "1"}, follow=True)

    assert "Hidden now" in answer.text
    assert "0 %" in answer.text
    assert Movie.objects.get(pk=heat.pk).status == "hidden"


def test_several_selected_movies_are_deleted(cast, staff, heat):
    chosen = [heat.pk, cast["Casino"].pk]
    page = staff.post(CHANGELIST, {"action": "delete_movies", "_selected_action": chosen}, follow=True)
    assert "Heat (1990)" in page.text
    assert Movie.objects.filter(pk__in=chosen).count() == 2
    staff.post(SELECTED, {"ids": ",".join(map(str, chosen)), "delete": "1"})

    assert not Movie.objects.filter(pk__in=chosen).exists()
    assert Movie.objects.filter(pk=cast["Babe"].pk).exists()


def test_djangos_own_action_is_gone(cast, staff, heat):
    staff.post(CHANGELIST, {"action": "delete_selected", "_selected_action": [heat.pk], "post": "yes"})

    assert Movie.objects.filter(pk=heat.pk).exists()


@pytest.mark.parametrize("given", ["", "x", "-1", "1" * 40, "²", ",,"])
def test_hostile_ids_find_nothing(cast, staff, given):
    for answer in (staff.get(SELECTED, {"ids": given}), staff.post(SELECTED, {"ids": given, "delete": "1"})):
        assert answer.headers["Location"] == "/admin/"
    assert Movie.objects.count() == 9


def test_staff_without_the_right_delete_nothing(cast, client, heat):
    curator = make_user("curator.of.deletions@example.org", is_staff=True)
    curator.user_permissions.add(Permission.objects.get(codename="change_movie"))
    client.force_login(curator)

    for url in (f"{CHANGELIST}{heat.pk}/delete/", SELECTED):
        assert client.post(url, {"ids": heat.pk, "delete": "1"}).status_code == 403
    assert client.get(DELETIONS).status_code == 403
    assert Movie.objects.filter(pk=heat.pk).exists()
