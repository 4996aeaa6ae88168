"""What the API answers for a merged movie, and what staff are shown as possible duplicates."""

import pytest

from movies.merging.suggestions import duplicate_suggestions
from movies.models import Movie
from tests.factories import make_movie
from tests.unit.movies.merging.rows import merge


@pytest.mark.parametrize("page", ["", "similar/"])
def test_the_page_of_a_merged_movie_names_the_other(cast, api_client, page):
    double, heat = make_movie("Heat (US)", 1990), cast["Heat"]
    merge(double, heat)
    answer = api_client.get(f"/api/movies/{double.pk}/{page}")

    assert answer.status_code == 404
    error = answer.json()["error"]
    assert (error["code"], error["fields"]) == ("movie_merged", {"merged_into": [str(heat.pk)]})
    assert api_client.get(f"/api/movies/{heat.pk}/{page}").status_code == 200


def test_an_unpublished_target_is_not_named(cast, api_client):
    double, heat = make_movie("Heat (US)", 1990), cast["Heat"]
    merge(double, heat)
    Movie.objects.filter(pk=heat.pk).update(status="hidden")
    error = api_client.get(f"/api/movies/{double.pk}/").json()["error"]

    assert (error["code"], error["fields"]) == ("not_found", {})


def test_possible_duplicates_are_found_by_ids_and_titles(cast):
    heat = cast["Heat"]
    Movie.objects.filter(pk=heat.pk).update(imdb_id="tt1", tmdb_id=3)
    by_ids = make_movie("Something else", 1950, imdb_id="tt1", tmdb_id=3)
    by_title = make_movie("The HÉAT!", 1991)
    make_movie("Heat", 1993)
    make_movie("Heat", None)
    merged = make_movie("Heat", 1990)
    merge(merged, heat)

    found = {(one.first.pk, one.second.pk): one.reasons for one in duplicate_suggestions()}

    assert found == {
        (heat.pk, by_ids.pk): ["the same IMDb id", "the same TMDB id"],
        (heat.pk, by_title.pk): ["the same title, and years at most one apart"],
    }
