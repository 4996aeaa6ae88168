"""What members of staff who are no superusers can make of the admin, whatever permissions they were given."""

import json

import pytest
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group, Permission
from django.test import Client, RequestFactory
from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask, SolarSchedule

from accounts.models import User
from accounts.staff.roles import Role
from tests.factories import make_cast, make_user

pytestmark = pytest.mark.django_db
PEOPLE = "/admin/accounts/user/"
NEW = "another long password"


@pytest.fixture
def clerk() -> User:
    """Staff with every permission there is."""
    user = make_user("clerk@x.org", is_staff=True)
    user.user_permissions.set(Permission.objects.all())
    return user


@pytest.fixture
def desk(clerk) -> Client:
    client = Client()
    client.force_login(clerk)
    return client


@pytest.fixture
def reader() -> Client:
    """Staff who may look at everything."""
    user = make_user("reader@x.org", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__startswith="view_"))
    client = Client()
    client.force_login(user)
    return client


def privileged() -> list[User]:
    """One person for each thing that makes somebody more than others."""
    group = Group.objects.create(name="editors")
    people = [
        make_user("root@x.org", is_staff=True, is_superuser=True),
        make_user("staff@x.org", is_staff=True),
        make_user("resting@x.org", is_superuser=True, is_active=False),
        make_user("grouped@x.org"),
        make_user("permitted@x.org"),
    ]
    people[3].groups.add(group)
    people[4].user_permissions.add(Permission.objects.first())
    return people


def state_of(user: User) -> tuple:
    user = User.objects.get(pk=user.pk)
    rights = (user.is_staff, user.is_superuser, user.groups.count(), user.user_permissions.count())
    return user.email, user.password, user.is_active, user.display_name, rights


def test_staff_give_nobody_rights_and_themselves_least(desk, clerk):
    other, group = make_user("ada@x.org"), Group.objects.create(name="editors")
    rights = {
        "is_active": "on",
        "is_staff": "on",
        "is_superuser": "on",
        "groups": [group.pk],
        "user_permissions": [permission.pk for permission in Permission.objects.all()[:3]],
    }
    before = state_of(clerk)

    given = desk.post(f"{PEOPLE}{other.pk}/change/", rights | {"email": "ada@x.org", "display_name": "Ada"})
    taken = desk.post(f"{PEOPLE}{clerk.pk}/change/", rights | {"email": "clerk@x.org", "display_name": "Clerk"})
    added = desk.post(
        f"{PEOPLE}add/", rights | {"email": "new@x.org", "display_name": "", "password1": NEW, "password2": NEW}
    )

    assert (given.status_code, taken.status_code, added.status_code) == (302, 403, 302)
    assert state_of(other)[3:] == ("Ada", (False, False, 0, 0))
    assert state_of(clerk) == before
    assert state_of(User.objects.get(email="new@x.org"))[4] == (False, False, 0, 0)


def test_staff_change_and_delete_nobody_who_has_rights(desk):
    for person in privileged():
        before = state_of(person)

        edited = desk.post(f"{PEOPLE}{person.pk}/change/", {"email": "mine@x.org", "display_name": "X"})
        password = {"password1": NEW, "password2": NEW, "usable_password": "true"}
        reset = desk.post(f"{PEOPLE}{person.pk}/password/", password)
        deleted = desk.post(f"{PEOPLE}{person.pk}/delete/", {"post": "yes"})
        bulk = {"action": "delete_selected", "_selected_action": [person.pk], "post": "yes"}
        chosen = desk.post(PEOPLE, bulk)

        assert [answer.status_code for answer in (edited, reset, deleted, chosen)] == [403] * 4, person
        assert state_of(person) == before
        page = desk.get(f"{PEOPLE}{person.pk}/change/")
        assert page.status_code == 200
        assert 'name="email"' not in page.content.decode()


def test_staff_delete_nobody_beside_somebody_with_rights(desk):
    root, ada = privileged()[0], make_user("ada@x.org")

    bulk = {"action": "delete_selected", "_selected_action": [root.pk, ada.pk], "post": "yes"}

    assert desk.post(PEOPLE, bulk).status_code == 403
    assert User.objects.filter(pk__in=[root.pk, ada.pk]).count() == 2
    assert not LogEntry.objects.exists()


def test_staff_still_change_people_without_rights(desk):
    ada, bob = make_user("ada@x.org"), make_user("bob@x.org")
    password = {"password1": NEW, "password2": NEW, "usable_password": "true"}

    edited = desk.post(f"{PEOPLE}{ada.pk}/change/", {"email": "ADA@y.org", "display_name": "Ada", "is_active": "on"})
    reset = desk.post(f"{PEOPLE}{ada.pk}/password/", password)
    bulk = {"action": "delete_selected", "_selected_action": [bob.pk], "post": "yes"}
    deleted = desk.post(PEOPLE, bulk)

    assert [answer.status_code for answer in (edited, reset, deleted)] == [302] * 3
    ada.refresh_from_db()
    assert (ada.email, ada.display_name, ada.check_password(NEW)) == ("ada@y.org", "Ada", True)
    assert not User.objects.filter(pk=bob.pk).exists()


def test_superusers_give_rights():
    client, ada = Client(), make_user("ada@x.org")
    client.force_login(make_user(is_staff=True, is_superuser=True))
    group = Group.objects.create(name="editors")

    data = {"email": "ada@x.org", "display_name": "", "is_active": "on", "is_staff": "on", "groups": [group.pk]}

    assert client.post(f"{PEOPLE}{ada.pk}/change/", data).status_code == 302
    assert state_of(ada)[4] == (True, False, 1, 0)
    assert client.post(f"/admin/auth/group/{group.pk}/change/", {"name": "all", "permissions": []}).status_code == 302


def test_only_superusers_change_groups(desk, clerk):
    group = Group.objects.create(name="editors")
    clerk.groups.add(group)
    data = {"name": "mine", "permissions": [permission.pk for permission in Permission.objects.all()]}
    bulk = {"action": "delete_selected", "_selected_action": [group.pk], "post": "yes"}

    answers = [
        desk.post("/admin/auth/group/add/", data),
        desk.post(f"/admin/auth/group/{group.pk}/change/", data),
        desk.post(f"/admin/auth/group/{group.pk}/delete/", {"post": "yes"}),
    ]
    desk.post("/admin/auth/group/", bulk)

    assert [answer.status_code for answer in answers] == [403] * 3
    assert Group.objects.exclude(name__in=list(Role)).values_list("name", "permissions").get() == ("editors", None)
    assert desk.get(f"/admin/auth/group/{group.pk}/change/").status_code == 200


@pytest.mark.parametrize("model_admin", admin.site._registry.values(), ids=lambda made: made.opts.label)
def test_who_may_only_look_has_no_action(reader, model_admin):
    request = RequestFactory().get("/")
    request.user = User.objects.get(email="reader@x.org")

    assert model_admin.has_view_permission(request)
    assert set(model_admin.get_actions(request)) == set()


@pytest.mark.parametrize("action", ["enable_tasks", "disable_tasks", "toggle_tasks", "run_tasks", "delete_selected"])
def test_who_may_only_look_at_the_schedule_changes_nothing(reader, action):
    every, _ = IntervalSchedule.objects.get_or_create(every=1, period="days")
    task = PeriodicTask.objects.create(name="mine", task="workers.tasks.refresh.popular", interval=every)

    page = reader.post(
        "/admin/django_celery_beat/periodictask/",
        {"action": action, "_selected_action": [task.pk], "post": "yes"},
        follow=True,
    )

    task.refresh_from_db()
    assert task.enabled
    assert "successfully" not in page.content.decode()


def scheduled(**fields) -> dict:
    every, _ = IntervalSchedule.objects.get_or_create(every=1, period="days")
    empty = {"regtask": "", "task": "", "description": "", "crontab": "", "solar": "", "clocked": "", "one_off": ""}
    times = {"start_time_0": "", "start_time_1": "", "expires_0": "", "expires_1": "", "expire_seconds": ""}
    return empty | times | {"name": "mine", "interval": every.pk, "args": "[]", "kwargs": "{}"} | fields


@pytest.mark.parametrize(
    "fields",
    [
        {"task": "celery.chain", "kwargs": json.dumps({"tasks": []})},
        {"task": "celery.map"},
        {"task": "os.system", "args": '["id"]'},
        {"task": "x" * 201},
        {"task": ""},
        {"task": "workers.tasks.refresh.popular", "args": "[1]"},
        {"task": "workers.tasks.refresh.popular", "args": "5"},
        {"task": "workers.tasks.refresh.popular", "kwargs": "[1]"},
        {"task": "workers.tasks.refresh.popular", "args": "{"},
    ],
)
def test_only_the_projects_own_tasks_are_scheduled(desk, fields):
    before = PeriodicTask.objects.count()

    answer = desk.post("/admin/django_celery_beat/periodictask/add/", scheduled(**fields))

    assert answer.status_code == 200
    assert "errorlist" in answer.content.decode()
    assert PeriodicTask.objects.count() == before


@pytest.mark.parametrize("task", ["train", "tune"])
@pytest.mark.parametrize("kind", ["one-off", "solar"])
def test_a_training_is_not_scheduled_by_what_nobody_reads(desk, task, kind):
    fields = {"one_off": "on"}
    if kind == "solar":
        sunrise = SolarSchedule.objects.create(event="sunrise", latitude=52, longitude=13)
        fields = {"interval": "", "solar": sunrise.pk}
    given = scheduled(task=f"workers.tasks.training.{task}", **fields)

    answer = desk.post("/admin/django_celery_beat/periodictask/add/", given)

    assert answer.status_code == 200
    assert "a crontab or an interval" in answer.content.decode()
    assert not PeriodicTask.objects.filter(name="mine").exists()


def test_a_task_is_scheduled_where_celery_sends_it(desk):
    fields = {"task": "workers.tasks.refresh.popular", "queue": "mine", "headers": '{"task": "celery.chain"}'}

    assert desk.post("/admin/django_celery_beat/periodictask/add/", scheduled(**fields)).status_code == 302

    made = PeriodicTask.objects.get(name="mine")
    assert (made.task, made.queue, made.headers) == ("workers.tasks.refresh.popular", None, "{}")


def test_a_built_in_beat_entry_can_only_be_switched_off(desk):
    nightly = CrontabSchedule.objects.create()
    entry = PeriodicTask.objects.create(name="cleanup", task="celery.backend_cleanup", crontab=nightly)
    url = f"/admin/django_celery_beat/periodictask/{entry.pk}/change/"
    given = scheduled(name="cleanup", task=entry.task, interval="", crontab=nightly.pk)

    assert desk.post(url, given | {"args": '["x"]', "enabled": "on"}).status_code == 200
    assert desk.post(url, given).status_code == 302

    entry.refresh_from_db()
    assert (entry.enabled, entry.task, entry.args) == (False, "celery.backend_cleanup", "[]")


def test_no_page_shows_a_hash_of_a_password_or_filters_by_one(reader):
    cast = make_cast()
    shown = 0
    for model, model_admin in admin.site._registry.items():
        base = f"/admin/{model._meta.app_label}/{model._meta.model_name}/"
        rows = model_admin.get_queryset(RequestFactory().get("/"))[:3]
        for path in (base, *(f"{base}{row.pk}/change/" for row in rows)):
            page = reader.get(path)
            assert page.status_code == 200, path
            shown += 1
            for user in (cast.alice, cast.stan):
                assert user.password not in page.content.decode(), path
                assert user.password.split("$")[-1] not in page.content.decode(), path
        for name in ("password", "user__password", "user__user__password", "requested_by__password"):
            refused = reader.get(base, {f"{name}__startswith": "m"})
            assert (refused.status_code, refused.get("Location", "")[-4:]) in ((302, "?e=1"), (400, "")), (base, name)
    assert shown > len(admin.site._registry)
