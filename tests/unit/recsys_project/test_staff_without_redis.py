"""Staff's pages without Redis: what PostgreSQL decides is done; what only Redis can keep is refused in words."""

from typing import Any

import pytest
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from redis.exceptions import ConnectionError as RedisConnectionError

from accounts.clients.models import ClientKey
from accounts.models import User
from movies.caching import version_tokens
from movies.merging import services
from movies.merging.models import MovieMerge
from movies.merging.services import merges_run_waiting
from movies.models import Movie
from recommendations.models import Experiment, ModelVersion
from tests.factories import Cast, make_embedding, make_key, make_movie, make_version
from tests.unit.recsys_project.query_requests import make_experiment

IMPORT, PROCESS = reverse("admin:movies_movie_import"), reverse("admin:movies_movie_process_import")
MERGES = reverse("admin:movies_moviemerge_changelist")


@pytest.fixture
def desk(committed_cast: Cast, client: Any) -> Any:
    """The browser of a superuser."""
    client.force_login(committed_cast.stan)
    return client


@pytest.fixture
def away(desk: Any, settings: Any) -> Any:
    """From here on Redis refuses each connection."""
    settings.CACHES = {
        alias: {**config, "LOCATION": "redis://127.0.0.1:1/0"} for alias, config in settings.CACHES.items()
    }
    yield
    version_tokens._pending.clear()


def merge_by_form(desk: Any, duplicate: Movie, target: Movie) -> MovieMerge:
    values = {"duplicate": duplicate.pk, "target": target.pk, "reason": "Twice."}
    answer = desk.post(reverse("admin:movies_movie_merge"), values)
    assert answer.status_code == 302
    return MovieMerge.objects.get(duplicate=duplicate)


def upload(desk: Any, text: str) -> Any:
    return desk.post(IMPORT, {"import_file": SimpleUploadedFile("a.csv", text.encode()), "format": "0"})


def confirmed(page: Any) -> dict[str, Any]:
    form = page.context["confirm_form"]
    return {name: form[name].value() for name in form.fields}


@pytest.mark.usefixtures("away")
def test_a_merge_and_its_undo_need_no_redis(committed_cast, desk):
    double = make_movie("Heat (US)")

    done = merge_by_form(desk, double, committed_cast["Heat"])
    assert (done.state, Movie.objects.get(pk=double.pk).merged_into_id) == ("done", committed_cast["Heat"].pk)
    undone = desk.post(reverse("admin:movies_moviemerge_undo_confirm", args=[done.pk]))

    assert undone.status_code == 302
    assert MovieMerge.objects.get(pk=done.pk).state == "undone"
    assert Movie.objects.get(pk=double.pk).merged_into_id is None


@pytest.mark.usefixtures("away")
def test_a_merge_in_the_background_needs_no_redis(committed_cast, desk, monkeypatch):
    monkeypatch.setattr(services, "MAX_IN_REQUEST", -1)
    done, refused = make_movie("Heat (US)"), make_movie("Babe (US)")
    for double, title in ((done, "Heat"), (refused, "Babe")):
        assert merge_by_form(desk, double, committed_cast[title]).state == "requested"
    Movie.objects.filter(pk=refused.pk).update(merged_into=committed_cast["Heat"], status="merged")
    listed = desk.get(MERGES)

    assert merges_run_waiting() == 2
    assert listed.status_code == 200
    states = dict(MovieMerge.objects.values_list("duplicate_id", "state"))
    assert states == {done.pk: "done", refused.pk: "failed"}


@pytest.mark.usefixtures("away")
def test_a_preview_that_cannot_be_kept_is_refused_in_words(committed_cast, desk):
    count = Movie.objects.count()
    page = upload(desk, "movielens_id,title\n77001,New\n")

    assert page.status_code == 200
    assert page.context["form"].errors == {
        "import_file": [
            "The file cannot be kept for its preview at the moment, so nothing is imported. Try again in a minute."
        ]
    }
    assert "Try again in a minute." in page.text
    assert "confirm_form" not in page.context
    assert Movie.objects.count() == count


def test_a_preview_that_cannot_be_read_imports_nothing(committed_cast, desk, request):
    page = upload(desk, "movielens_id,title\n77001,New\n")
    form = confirmed(page)
    request.getfixturevalue("away")

    answer = desk.post(PROCESS, form, follow=True)

    assert answer.status_code == 200
    assert "The preview cannot be read at the moment, so nothing is imported." in answer.text
    assert not Movie.objects.filter(movielens_id=77001).exists()


def test_an_import_is_done_if_its_file_cannot_be_removed(committed_cast, desk, monkeypatch):
    def gone(*args: Any) -> None:
        raise RedisConnectionError("gone")

    form = confirmed(upload(desk, "movielens_id,title\n77001,New\n"))
    monkeypatch.setattr("import_export.tmp_storages.cache.delete", gone, raising=False)

    answer = desk.post(PROCESS, form, follow=True)

    assert "Import finished: 1 new" in answer.text
    assert Movie.objects.get(movielens_id=77001).title == "New"
    assert LogEntry.objects.filter(object_repr__startswith="New").exists()


@pytest.mark.usefixtures("away")
def test_every_page_of_the_staff_opens_without_redis(committed_cast, desk):
    pages = [reverse(f"admin:{m._meta.app_label}_{m._meta.model_name}_changelist") for m in admin.site._registry]
    preview = reverse("admin:recommendations_preview")
    pages += ["/admin/", "/admin/readiness/", f"{preview}?user={committed_cast.bob.pk}", IMPORT]

    assert {page: desk.get(page).status_code for page in pages} == dict.fromkeys(pages, 200)


@pytest.fixture
def acts(committed_cast: Cast) -> dict[str, dict[str, Any]]:
    """What staff do, by its address, with Redis away or not."""
    retired, person = make_version("retired"), committed_cast.carol
    make_embedding(retired, committed_cast["Heat"], [1.0])
    experiment = Experiment.objects.get(name=make_experiment(started=False))
    make_key("shop")
    key = ClientKey.objects.get()
    versions, movies = "/admin/recommendations/modelversion/", "/admin/movies/movie/"
    return {
        f"{movies}#hide": {"action": "hide_selected", "_selected_action": [committed_cast["Heat"].pk]},
        f"{versions}#live": {"action": "make_live", "_selected_action": [retired.pk], "reason": "Better."},
        f"{versions}#retrain": {"action": "retrain"},
        f"/admin/recommendations/experiment/{experiment.pk}/results/": {"start": "1"},
        f"/admin/accounts/clientkey/{key.pk}/rotate/": {"hours": "0"},
        f"/admin/accounts/user/{person.pk}/password/": {"password1": "Long enough 91", "password2": "Long enough 91"},
        f"/admin/accounts/user/{person.pk}/sign-out/": {"reason": "Asked on the phone."},
        f"/admin/accounts/user/{person.pk}/erase/": {"reason": "Asked on the phone.", "confirmed": "on"},
    }


def test_what_staff_save_is_saved_without_redis(committed_cast, desk, acts, request):
    request.getfixturevalue("away")

    statuses = {page: desk.post(page.split("#")[0], values).status_code for page, values in acts.items()}

    # The page of a rotated key shows the new one, once.
    assert statuses == {page: 200 if "rotate" in page else 302 for page in acts}
    assert Movie.objects.get(title="Heat").status == "hidden"
    assert ModelVersion.objects.get(status="live") != committed_cast.version
    assert ModelVersion.objects.filter(status="requested").exists()
    assert Experiment.objects.get().started_at is not None
    assert ClientKey.objects.count() == 2
    assert not User.objects.filter(pk=committed_cast.carol.pk).exists()
