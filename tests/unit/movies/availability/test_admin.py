"""Staff set where movies are available: on a movie's page, and for many at once."""

from datetime import date

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission

from movies.availability.models import MovieAvailability
from movies.availability.services import Window, availability_set
from movies.models import Movie
from tests.factories import make_user
from tests.unit.movies.test_admin import movie_form

LIST = "/admin/movies/movie/"


@pytest.fixture
def staff(cast, client):
    client.force_login(cast.stan)
    return client


def lines(movie: Movie) -> list[tuple[str, date | None, date | None]]:
    return list(movie.availability.values_list("region", "available_from", "available_to"))


def with_lines(movie: Movie, *rows: tuple[str, str, str]) -> dict:
    form = movie_form(movie) | {"availability-TOTAL_FORMS": len(rows)}
    for n, (region, first, last) in enumerate(rows):
        form |= {
            f"availability-{n}-region": region,
            f"availability-{n}-available_from": first,
            f"availability-{n}-available_to": last,
        }
    return form


def test_lines_are_added_on_the_page_of_a_movie(cast, staff):
    page = f"{LIST}{cast['Heat'].pk}/change/"
    assert "Sweden (SE)" in staff.get(page).content.decode()

    response = staff.post(page, with_lines(cast["Heat"], ("SE", "2026-03-01", ""), ("NO", "", "")))

    assert response.status_code == 302, response.context["errors"]
    assert lines(cast["Heat"]) == [("NO", None, None), ("SE", date(2026, 3, 1), None)]


@pytest.mark.parametrize(
    "rows",
    [
        [("XX", "", "")],
        [("SE", "2026-03-02", "2026-03-01")],
        [("SE", "", ""), ("SE", "", "2026-03-01")],
        [("", "2026-03-02", "")],
        [("SE", "yesterday", "")],
    ],
)
def test_a_wrong_line_is_shown_and_saves_nothing(cast, staff, rows):
    response = staff.post(f"{LIST}{cast['Heat'].pk}/change/", with_lines(cast["Heat"], *rows))

    assert response.status_code == 200
    assert response.context["errors"]
    assert not MovieAvailability.objects.exists()


def act(client, *movies: Movie, **fields):
    ids = [movie.pk for movie in movies]
    return client.post(LIST, {"action": "set_availability", "_selected_action": ids, **fields}, follow=True)


def test_many_movies_get_lines_at_once(cast, staff):
    heat, babe = cast["Heat"], cast["Babe"]
    availability_set(movie_ids=[heat.pk], windows=[Window("DE")])
    asked = act(staff, heat, babe)
    assert "2 movies: Heat (1990), Babe (1991)" in asked.content.decode()

    done = act(staff, heat, babe, apply="1", countries=["SE", "NO"], available_to="2026-04-01", others="keep")

    last = date(2026, 4, 1)
    assert "The availability of 2 movies is set." in done.content.decode()
    assert lines(heat) == [("DE", None, None), ("NO", None, last), ("SE", None, last)]
    assert lines(babe) == [("NO", None, last), ("SE", None, last)]
    said = "Availability: SE, NO, ever to 2026-04-01 beside other countries."
    assert set(LogEntry.objects.values_list("object_id", "change_message")) == {
        (str(movie.pk), said) for movie in (heat, babe)
    }
    act(staff, heat, apply="1", others="replace")
    assert (lines(heat), len(lines(babe))) == ([], 2)


@pytest.mark.parametrize(
    "fields",
    [
        {"others": "keep"},
        {"countries": ["XX"], "others": "keep"},
        {"countries": ["SE"]},
        {"countries": ["SE"], "others": "keep", "available_from": "2026-04-02", "available_to": "2026-04-01"},
        {"others": "replace", "available_from": "2026-04-02"},
    ],
)
def test_a_wrong_form_asks_again_and_changes_nothing(cast, staff, fields):
    availability_set(movie_ids=[cast["Heat"].pk], windows=[Window("DE")])

    page = act(staff, cast["Heat"], apply="1", **fields)

    assert page.context["form"].errors
    assert lines(cast["Heat"]) == [("DE", None, None)]
    assert not LogEntry.objects.exists()


def test_who_may_only_view_movies_sets_nothing(cast, client):
    viewer = make_user(is_staff=True)
    viewer.user_permissions.add(Permission.objects.get(codename="view_movie"))
    client.force_login(viewer)

    act(client, cast["Heat"], apply="1", countries=["SE"], others="keep")
    client.post(f"{LIST}{cast['Heat'].pk}/change/", with_lines(cast["Heat"], ("SE", "", "")))

    assert client.get(f"{LIST}{cast['Heat'].pk}/change/").status_code == 200
    assert not MovieAvailability.objects.exists()
