"""Staff merge duplicates and undo that in the admin."""

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.db import connection
from django.test.utils import CaptureQueriesContext

from movies.merging import services
from movies.merging.models import MovieMerge
from movies.models import Movie
from tests.factories import make_movie, make_user
from tests.unit.movies.merging.rows import did, merge, rated

MERGE, DUPLICATES, MERGES = (f"/admin/movies/{page}/" for page in ("movie/merge", "movie/duplicates", "moviemerge"))
CHANGELIST = "/admin/movies/movie/"


@pytest.fixture
def staff(cast, client):
    client.force_login(cast.stan)
    return client


@pytest.fixture
def twins(cast):
    double = make_movie("Heat (US)", 1990, overview="A heist.", imdb_id="tt2")
    rated(cast.alice, double, 4.0, 1)
    did(cast.alice, double, "view")
    return double, cast["Heat"]


def ids(double: Movie, heat: Movie) -> dict[str, int]:
    return {"duplicate": double.pk, "target": heat.pk}


def test_two_selected_movies_are_merged_after_a_confirmation(cast, staff, twins):
    double, heat = twins
    chosen = {"action": "merge_selected", "_selected_action": [double.pk, heat.pk]}
    page = staff.post(CHANGELIST, chosen, follow=True)

    assert "is merged into" in page.text
    assert "ratings" in page.text
    assert "takes what it lacks: overview, imdb_id" in page.text
    assert not MovieMerge.objects.exists()
    done = staff.post(MERGE, ids(double, heat) | {"reason": "Imported twice."}, follow=True)
    assert "The movies are merged." in done.text
    stored = MovieMerge.objects.get()
    assert (stored.requested_by, stored.reason, stored.state) == (cast.stan, "Imported twice.", "done")
    assert Movie.objects.get(pk=double.pk).merged_into_id == heat.pk
    assert LogEntry.objects.filter(object_id__in=[double.pk, heat.pk]).count() == 2


@pytest.mark.parametrize("count", [1, 3])
def test_only_two_movies_are_merged(cast, staff, count):
    chosen = list(Movie.objects.order_by("pk").values_list("pk", flat=True)[:count])
    answer = staff.post(CHANGELIST, {"action": "merge_selected", "_selected_action": chosen}, follow=True)

    assert "Nothing is changed: select exactly 2 movies." in answer.text


@pytest.mark.parametrize(
    "values", [{"target": "x"}, {"target": "0", "duplicate": "-1"}, {"target": "9" * 30}, {"target": "1\x00"}]
)
def test_hostile_ids_are_errors_of_the_form(cast, staff, values):
    for answer in (staff.get(MERGE, values), staff.post(MERGE, values)):
        assert answer.status_code == 200
        assert answer.context["choice"].errors
        assert "text-red-600" in answer.text
    assert not MovieMerge.objects.exists()


def test_what_cannot_be_merged_is_said_on_the_page(cast, staff, twins):
    double, heat = twins
    no_reason = staff.post(MERGE, ids(double, heat) | {"reason": " "})
    long = staff.post(MERGE, ids(double, heat) | {"reason": "x" * 301})
    same = staff.post(MERGE, ids(heat, heat) | {"reason": "x"})

    assert "Say why, for other staff." in no_reason.text
    assert long.context["form"].errors == {"reason": ["At most 300 letters."]}
    assert "x" * 301 in long.text
    assert "cannot be merged into itself" in same.text
    assert not MovieMerge.objects.exists()


def test_a_merge_is_undone_from_its_page(cast, staff, twins):
    double, heat = twins
    done = merge(double, heat)
    link = staff.get(f"{MERGES}{done.pk}/undo-merge/")
    assert link.headers["Location"] == f"{MERGES}{done.pk}/undo/"
    assert "undo-merge" in staff.get(f"{MERGES}{done.pk}/change/").text
    assert "comes back into the catalogue" in staff.get(f"{MERGES}{done.pk}/undo/").text
    answer = staff.post(f"{MERGES}{done.pk}/undo/", follow=True)

    assert "The merge is undone." in answer.text
    done.refresh_from_db()
    assert (done.state, done.undone_by) == ("undone", cast.stan)
    assert Movie.objects.get(pk=double.pk).status == "published"


def test_what_contradicts_an_undo_is_said(cast, staff, twins):
    double, heat = twins
    first, second = merge(double, heat), merge(heat, cast["Casino"])
    answer = staff.post(f"{MERGES}{first.pk}/undo/")

    assert f"Undo merge {second.pk} first." in answer.text
    assert Movie.objects.get(pk=double.pk).status == "merged"


def test_a_merged_movie_is_shown_and_not_edited(cast, staff, twins):
    double, heat = twins
    merge(double, heat)
    page = staff.get(f"{CHANGELIST}{double.pk}/change/")

    assert page.status_code == 200
    assert 'name="title"' not in page.text
    assert staff.post(f"{CHANGELIST}{double.pk}/change/", {"title": "X"}).status_code == 403
    assert Movie.objects.get(pk=double.pk).title == "Heat (US)"
    staff.post(CHANGELIST, {"action": "publish_selected", "_selected_action": [double.pk]})
    assert Movie.objects.get(pk=double.pk).status == "merged"


def test_nobody_sets_the_status_merged_by_hand(cast, staff):
    page = staff.get(f"{CHANGELIST}{cast['Heat'].pk}/change/")

    assert 'value="hidden"' in page.text
    assert 'value="merged"' not in page.text


def test_a_choice_of_movies_offers_no_merged_one(cast, staff, twins):
    merge(*twins)
    query = {"app_label": "movies", "model_name": "moviemerge", "field_name": "target", "term": "heat"}
    found = staff.get("/admin/autocomplete/", query).json()["results"]

    assert [one["id"] for one in found] == [str(twins[1].pk)]


def test_the_list_shows_merges_in_few_queries(cast, staff):
    for number in range(12):
        merge(make_movie(f"Double {number}"), cast["Heat"])
    with CaptureQueriesContext(connection) as queries:
        page = staff.get(MERGES)

    assert "Double 11" in page.text
    assert len(queries) <= 15


def test_a_large_merge_says_that_it_waits(cast, staff, twins, monkeypatch):
    monkeypatch.setattr(services, "MAX_IN_REQUEST", 0)
    double, heat = twins
    assert "runs in the background" in staff.get(MERGE, ids(double, heat)).text
    answer = staff.post(MERGE, ids(double, heat) | {"reason": "x"}, follow=True)

    assert "see its progress here" in answer.text
    assert Movie.objects.get(pk=double.pk).status == "published"


def test_links_lead_to_the_pages(cast, staff, twins):
    double, heat = twins
    assert "see-duplicates" in staff.get(CHANGELIST).text
    assert staff.get(f"{CHANGELIST}see-duplicates/").headers["Location"] == DUPLICATES
    assert "merge-into" in staff.get(f"{CHANGELIST}{double.pk}/change/").text
    link = f"{CHANGELIST}{double.pk}/merge-into/"
    assert staff.get(link).headers["Location"] == f"{MERGE}?duplicate={double.pk}"
    done = merge(double, heat)
    assert staff.get(link).headers["Location"] == f"{MERGES}{done.pk}/change/"


def test_possible_duplicates_lead_to_the_confirmation(cast, staff):
    double = make_movie("Heat", 1991)
    page = staff.get(DUPLICATES)

    assert f"duplicate={double.pk}&amp;target={cast['Heat'].pk}" in page.text


def test_staff_without_the_right_merge_nothing(cast, client, twins):
    done = merge(cast["Babe"], cast["Alien"])
    reader = make_user("reader@example.org", is_staff=True)
    reader.user_permissions.add(Permission.objects.get(codename="view_movie"))
    client.force_login(reader)

    for url in (MERGE, DUPLICATES, f"{MERGES}{done.pk}/undo/"):
        assert client.get(url).status_code == 403
    assert client.post(MERGE, ids(*twins) | {"reason": "x"}).status_code == 403
    assert client.post(f"{MERGES}{done.pk}/undo/").status_code == 403
    assert client.get(MERGES).status_code == 200
    assert MovieMerge.objects.get().state == "done"


def test_null_characters_in_a_reason_are_named(cast, staff, twins):
    page = staff.post(MERGE, ids(*twins) | {"reason": "Twice\x00"})

    assert page.context["form"].errors == {"reason": ["No control characters, such as line breaks."]}
    assert not MovieMerge.objects.exists()
