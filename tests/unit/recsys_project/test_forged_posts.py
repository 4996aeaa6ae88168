"""Forms that no page offered to whoever sends them: they change nothing that the sender's roles do not give."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.db import connection, transaction
from django.test import Client
from django.urls import reverse
from django_celery_beat.models import PeriodicTask

from accounts.models import User
from accounts.staff.roles import Role
from movies.availability.models import MovieAvailability
from movies.models import Credit, Movie
from recommendations.models import Experiment, ExperimentArm
from tests.factories import make_user
from tests.unit.recsys_project.forged_posts import (
    CONFIRMED,
    actions_of,
    changed,
    fingerprint,
    form_values,
    forms_of,
    own_pages,
)
from tests.unit.recsys_project.query_requests import make_experiment
from tests.unit.recsys_project.role_matrix import ACTIONS, MODELS, PAGES
from tests.unit.recsys_project.test_query_counts import full_tables  # noqa: F401 -- a fixture.

pytestmark = pytest.mark.django_db
NOBODY, GONE = "without a role", "deactivated"
POPUP = "?_popup=1&_to_field=id"
Request = tuple[str, str, dict[str, Any]]
Form = tuple[str, str, str, dict[str, Any]]


@pytest.fixture
def root(full_tables) -> Client:  # noqa: F811
    """The browser of a superuser, with a draft of an experiment beside the rows of each table."""
    make_experiment(started=False)
    client = Client(raise_request_exception=False)
    client.force_login(full_tables.stan)
    return client


def browser(who: str) -> Client:
    """The browser of a member of staff, signed in before they were deactivated."""
    person = make_user(f"{who.replace(' ', '.')}@x.org", is_staff=True)
    roles = list(Role) if who == GONE else [who]
    person.groups.set(Group.objects.filter(name__in=roles))
    client = Client(raise_request_exception=False)
    client.force_login(person)
    User.objects.filter(pk=person.pk).update(is_active=who != GONE)
    return client


def refused_requests(who: str, forms: Iterable[Form]) -> Iterator[Request]:
    """(what, address, values) of everything that ``who`` may not do."""
    for label, letter, page, values in forms:
        if letter not in MODELS[label].get(who, ""):
            popup = letter == "a"
            in_popup = {"_popup": "1", "_to_field": "id"} if popup else {}
            yield f"{label} {letter}", page + (POPUP if popup else ""), {**values, **in_popup}
    # Who is deactivated gets no further than the door, whatever it is.
    for label, action, page, values in () if who == GONE else actions_of():
        deletes = action == "delete_selected" and "d" in MODELS[label].get(who, "")
        if not deletes and who not in ACTIONS.get(f"{label} {action}", set()):
            yield f"{label} {action}", page, values
    movies = list(Movie.objects.filter(merged_into=None).order_by("-pk").values_list("pk", flat=True)[:2])
    chosen = {"duplicate": movies[0], "target": movies[1], "ids": str(movies[0])}
    for name, page in own_pages():
        if who not in PAGES[name]:
            yield name, page, {**CONFIRMED, **chosen}
    if who not in (Role.OPERATOR, Role.ADMINISTRATOR):
        task = PeriodicTask.objects.filter(task__startswith="workers.").first()
        yield "run a task", f"/admin/tasks/{task.pk if task else 1}/run/", {}


def sends(client: Client) -> Callable[[Request], int]:
    return lambda request: client.post(request[1], request[2]).status_code


def faults(send: Callable[[Request], int], requests: list[Request]) -> list[tuple[str, Any]]:
    """What changed a table or was no answer of a page. Tables are compared after all, and if they differ after each."""
    before = fingerprint()
    with transaction.atomic():
        statuses = {request[0]: send(request) for request in requests}
        differs = changed(before, fingerprint())
        transaction.set_rollback(True)
    found: list[tuple[str, Any]] = [item for item in statuses.items() if item[1] not in (200, 302, 400, 403)]
    for request in requests if differs else []:
        with transaction.atomic():
            send(request)
            tables = changed(before, fingerprint())
            transaction.set_rollback(True)
        found += [(request[0], tables)] if tables else []
    return found + ([("together", differs)] if differs else [])


def test_no_role_changes_what_is_not_its_own_by_forged_forms(root):
    forms = list(forms_of(root))

    found = {who: faults(sends(browser(who)), list(refused_requests(who, forms))) for who in (*Role, NOBODY, GONE)}

    assert {who: wrong for who, wrong in found.items() if wrong} == {}


def test_the_same_forms_sent_by_a_superuser_change_rows(root):
    without_effect = set()
    before = fingerprint()
    for label, letter, page, values in forms_of(root):
        # Adding takes other values than those of the row that is there.
        if letter == "a" or not any(letter in letters for letters in MODELS[label].values()):
            continue
        with transaction.atomic():
            status = root.post(page, values).status_code
            if not changed(before, fingerprint()):
                without_effect.add((label, letter, status))
            transaction.set_rollback(True)

    assert without_effect == set()


# Columns that no form of the admin sets, whoever sends it.
PROTECTED = {
    "accounts_user": "id, password, is_superuser, dataset, client_id, external_id, date_joined",
    "accounts_user_user_permissions": "*",
    "accounts_clientkey": "id, prefix, hashed_secret, scopes, client_id, created_at, expires_at, revoked_at",
    "auth_group_permissions": "*",
    "django_celery_beat_periodictask": "id, queue, exchange, routing_key, priority, headers, total_run_count",
    "events_rating": "id, user_id, movie_id",
    "movies_movie": "id, status, merged_into_id, created_at",
    "movies_datasetmovie": "*",
    "recommendations_experiment": "id, status, salt, buckets, started_at, stopped_at, created_at",
    "recommendations_modelversion": "*",
}
EXTRA = {
    **{"is_superuser": "on", "user_permissions": "1", "password": "forged", "dataset": "forged", "external_id": "9"},
    **{"status": "merged", "merged_into": "1", "created_at_0": "2001-01-01", "created_at_1": "00:00", "id": "999"},
    **{"hashed_secret": "f" * 64, "prefix": "forged", "scopes": "forged", "revoked_at": "", "client": "1", "pk": "1"},
    **{"queue": "forged", "headers": '{"a": 1}', "priority": "9", "total_run_count": "77", "exchange": "forged"},
    **{"salt": "forged", "buckets": "[0,9)", "started_at": "2001-01-01", "live": "on", "user": "1", "movie": "1"},
}


def protected() -> dict[str, str]:
    with connection.cursor() as cursor:
        for table, columns in PROTECTED.items():
            known = {column.name for column in connection.introspection.get_table_description(cursor, table)}
            assert columns == "*" or set(columns.split(", ")) <= known, (table, set(columns.split(", ")) - known)
        one = "SELECT '{0}', md5(string_agg(t::text, '' ORDER BY t::text)) FROM (SELECT {1} FROM \"{0}\") t"
        cursor.execute(" UNION ALL ".join(one.format(table, columns) for table, columns in PROTECTED.items()))
        return dict(cursor.fetchall())


def test_fields_that_a_form_does_not_have_are_ignored(root):
    browsers = {who: browser(who) for who in Role}
    before, found, saved = protected(), {}, set()
    for label, letter, page, values in forms_of(root):
        for who in Role if letter == "c" else ():
            if "c" not in MODELS[label].get(who, ""):
                continue
            with transaction.atomic():
                status = browsers[who].post(page, {**EXTRA, **values}).status_code
                differs = changed(before, protected())
                transaction.set_rollback(True)
            saved |= {label} if status == 302 else set()
            if differs or status not in (200, 302):
                found[label, who] = status, differs

    assert found == {}
    assert saved == {label for label, roles in MODELS.items() if any("c" in letters for letters in roles.values())}


@pytest.mark.parametrize("act", [{}, {"credits-0-DELETE": "on", "availability-0-DELETE": "on"}])
def test_lines_of_another_movie_stay_as_they_are(root, full_tables, act):  # noqa: F811
    mine, other = full_tables["Heat"], full_tables["Babe"]
    credit, line = other.credits.get(), MovieAvailability.objects.create(movie=other, region="SE")
    page = reverse("admin:movies_movie_change", args=[mine.pk])
    values = form_values(root.get(page))
    forged = {
        **{"credits-INITIAL_FORMS": 1, "credits-TOTAL_FORMS": 1, "credits-0-id": credit.pk, "credits-0-movie": mine.pk},
        **{"credits-0-person": credit.person_id, "credits-0-role": "actor"},
        **{"availability-INITIAL_FORMS": 1, "availability-TOTAL_FORMS": 1, "availability-0-id": line.pk},
        **{"availability-0-movie": mine.pk, "availability-0-region": "NO"},
    }
    assert {"credits-TOTAL_FORMS", "availability-TOTAL_FORMS"} <= set(values)
    own = list(mine.credits.values())

    # Django leaves out a line to delete that is not the movie's, and refuses one to change.
    answer = browser(Role.CURATOR).post(page, {**values, **forged, **act, "_save": "Save"})

    assert answer.status_code == (302 if act else 200)
    assert Credit.objects.filter(pk=credit.pk, movie=other, role="director").exists()
    assert MovieAvailability.objects.filter(pk=line.pk, movie=other, region="SE").exists()
    assert list(mine.credits.values()) == own
    assert not mine.availability.exists()


def test_arms_of_another_experiment_stay_as_they_are(root):
    names = [make_experiment(started=False), make_experiment(started=True)]
    mine, other = (Experiment.objects.get(name=name) for name in names)
    page = reverse("admin:recommendations_experiment_change", args=[mine.pk])
    values = form_values(root.get(page))
    for place, arm in enumerate(other.arms.order_by("pk")):
        values |= {f"arms-{place}-id": arm.pk, f"arms-{place}-experiment": other.pk, f"arms-{place}-name": "forged"}

    answer = browser(Role.ANALYST).post(page, {**values, "_save": "Save"})

    assert answer.status_code == 200
    assert not ExperimentArm.objects.filter(name="forged").exists()
    assert other.arms.count() == 2
