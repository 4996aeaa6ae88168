"""Merged movies and those being deleted are not changed, by whichever way staff try."""

import pytest
from django.core.exceptions import ValidationError

from movies.changes.models import MovieChange
from movies.changes.services import changes_recorded
from movies.changes.undo import change_undo
from movies.merging.services import merge_undo_request
from movies.models import Movie, MovieDeletion
from movies.services import movies_tag
from tests.factories import make_movie
from tests.unit.movies.merging.rows import merge

CHANGELIST = "/admin/movies/movie/"


@pytest.fixture
def staff(cast, client):
    client.force_login(cast.stan)
    return client


def merged(cast) -> tuple[Movie, str]:
    double = make_movie("Heat (US)", 1990, ["Drama"])
    with changes_recorded(movie_ids=[double.pk], user_id=None, kind=MovieChange.Kind.EDITED):
        Movie.objects.filter(pk=double.pk).update(title="Heat (UK)")
    merge(double, cast["Heat"])
    return double, f"Movie {double.pk} is merged into movie {cast['Heat'].pk}."


def going(cast) -> tuple[Movie, str]:
    movie = make_movie("Going", 1990, ["Drama"])
    with changes_recorded(movie_ids=[movie.pk], user_id=None, kind=MovieChange.Kind.EDITED):
        Movie.objects.filter(pk=movie.pk).update(status="hidden")
    MovieDeletion.objects.create(movie_id=movie.pk, title="Going", rows=5_000)
    return movie, f"Movie {movie.pk} is being deleted."


@pytest.fixture(params=[merged, going])
def frozen(request, cast) -> tuple[Movie, str]:
    return request.param(cast)


def stored(movie: Movie) -> list:
    row = Movie.objects.filter(pk=movie.pk).values_list("title", "status", "keywords", "content_changed_at").get()
    genres = sorted(Movie.objects.get(pk=movie.pk).genres.values_list("name", flat=True))
    return [row, genres, MovieChange.objects.filter(movie=movie).count()]


def test_tags_leave_a_frozen_movie_as_it_is(cast, frozen):
    movie, _ = frozen
    before = stored(movie)
    genre = movie.genres.get()

    assert movies_tag(movie_ids=[movie.pk, cast["Alien"].pk], remove_genres=[genre], add_keywords=["heist"]) == 1
    assert stored(movie) == before
    assert Movie.objects.get(pk=cast["Alien"].pk).keywords == ["heist"]


@pytest.mark.parametrize("action", ["publish_selected", "hide_selected", "tag_selected"])
def test_actions_say_what_they_leave_as_it_is(cast, staff, frozen, action):
    movie, why = frozen
    before = stored(movie)
    chosen = {"action": action, "_selected_action": [movie.pk, cast["Alien"].pk], "apply": "1", "add_keywords": "a"}

    page = staff.post(CHANGELIST, chosen, follow=True)

    assert f"Not changed. {why}" in page.text
    assert stored(movie) == before


def test_the_last_change_of_a_frozen_movie_stays(frozen):
    movie, why = frozen
    before = stored(movie)
    with pytest.raises(ValidationError, match=why):
        change_undo(movie_id=movie.pk, user_id=None)

    assert stored(movie) == before


def test_the_page_of_a_frozen_movie_saves_nothing(staff, frozen):
    movie, _ = frozen
    before = stored(movie)
    page = f"{CHANGELIST}{movie.pk}/change/"

    assert staff.get(page).status_code == 200
    assert staff.post(page, {"title": "Other", "status": "published"}).status_code == 403
    assert stored(movie) == before


@pytest.mark.parametrize("which", ["duplicate", "target"])
def test_a_merge_is_not_undone_while_a_movie_goes(cast, which):
    double = make_movie("Heat (US)", 1990)
    done = merge(double, cast["Heat"])
    movie = double if which == "duplicate" else cast["Heat"]
    MovieDeletion.objects.create(movie_id=movie.pk, title=movie.title, rows=5_000)

    with pytest.raises(ValidationError, match="is being deleted"):
        merge_undo_request(merge_id=done.pk)
    assert Movie.objects.get(pk=double.pk).status == "merged"
