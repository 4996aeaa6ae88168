"""The roles of staff: what their groups may do, and who gives them."""

from fnmatch import fnmatchcase

import pytest
from django.contrib.auth.models import Group, Permission
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command
from django.test import Client

from accounts.models import User
from accounts.staff.roles import ROLE_PERMISSIONS, Role, role_grant, roles_sync
from tests.factories import make_user

pytestmark = pytest.mark.django_db
PEOPLE = "/admin/accounts/user/"
# Permissions that pages of other apps may define.
OPTIONAL = {"recommendations.preview_*"}


def member(role: Role, email: str) -> User:
    user = make_user(email, is_staff=True)
    user.groups.add(Group.objects.get(name=role))
    return user


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def rights_of(user: User) -> tuple[bool, bool, set[str], int]:
    user = User.objects.get(pk=user.pk)
    groups = set(user.groups.values_list("name", flat=True))
    return user.is_staff, user.is_superuser, groups, user.user_permissions.count()


def test_every_pattern_of_a_role_matches_a_permission():
    names = [
        f"{one.content_type.app_label}.{one.codename}" for one in Permission.objects.select_related("content_type")
    ]
    unmatched = {
        pattern
        for patterns in ROLE_PERMISSIONS.values()
        for pattern in patterns
        if not any(fnmatchcase(name, pattern) for name in names)
    }

    assert unmatched <= OPTIONAL


def test_migrating_gives_the_roles_their_permissions():
    curator = Group.objects.get(name=Role.CURATOR)

    assert curator.permissions.filter(codename="change_movie").exists()
    assert not curator.permissions.filter(content_type__app_label__in=("accounts", "auth")).exists()
    assert not Permission.objects.filter(
        group__name__in=list(Role), codename__in=("change_group", "add_group")
    ).exists()
    assert roles_sync() == {}


def test_a_sync_mends_a_role_and_leaves_other_groups():
    analyst, others = Group.objects.get(name=Role.ANALYST), Group.objects.create(name="others")
    right = Permission.objects.get(codename="change_user")
    for group in (analyst, others):
        group.permissions.add(right)
    analyst.permissions.remove(Permission.objects.get(codename="view_experiment"))

    assert roles_sync() == {Role.ANALYST: (1, 1)}

    assert not analyst.permissions.filter(pk=right.pk).exists()
    assert analyst.permissions.filter(codename="view_experiment").exists()
    assert list(others.permissions.all()) == [right]


def test_a_role_is_given_and_taken_by_the_command(capsys):
    ada = make_user("ada@x.org")

    call_command("roles", "grant", "ADA@x.org", "curator")
    assert rights_of(ada) == (True, False, {"curator"}, 0)
    capsys.readouterr()
    call_command("roles", "list")
    (line,) = [line for line in capsys.readouterr().out.splitlines() if "ada@x.org" in line]
    assert line.startswith("curator")
    call_command("roles", "grant", "ada@x.org")

    assert rights_of(ada) == (False, False, set(), 0)


@pytest.mark.parametrize(("email", "role"), [("nobody@x.org", "curator"), ("ada@x.org", "king")])
def test_the_command_names_an_unknown_person_or_role(email, role):
    ada = make_user("ada@x.org")

    with pytest.raises(CommandError):
        call_command("roles", "grant", email, role)

    assert rights_of(ada) == (False, False, set(), 0)
    with pytest.raises(ValidationError):
        role_grant(email=email, roles=[role])


def test_an_administrator_gives_the_lesser_roles_alone():
    client, ada = signed_in(member(Role.ADMINISTRATOR, "boss@x.org")), make_user("ada@x.org")
    groups = {group.name: group.pk for group in Group.objects.all()}
    own = Group.objects.create(name="own group").pk
    url, form = f"{PEOPLE}{ada.pk}/change/", {"email": "ada@x.org", "is_active": "on", "is_staff": "on"}

    given = client.post(url, form | {"groups": [groups["curator"], groups["analyst"]]})
    refused = [client.post(url, form | {"groups": [group]}) for group in (groups["administrator"], own)]
    more = {"is_superuser": "on", "user_permissions": [Permission.objects.first().pk], "groups": [groups["operator"]]}
    client.post(url, form | more)

    assert given.status_code == 302
    assert [answer.status_code for answer in refused] == [200, 200]
    assert rights_of(ada) == (True, False, {"operator"}, 0)


def test_an_administrator_touches_nobody_with_more_than_roles():
    boss = member(Role.ADMINISTRATOR, "boss@x.org")
    root = make_user("root@x.org", is_staff=True, is_superuser=True)
    other, permitted, grouped = member(Role.ADMINISTRATOR, "other@x.org"), make_user("p@x.org"), make_user("g@x.org")
    permitted.user_permissions.add(Permission.objects.first())
    grouped.groups.add(Group.objects.create(name="own group"))
    client = signed_in(boss)

    for person in (boss, root, other, permitted, grouped):
        before = rights_of(person)
        pages = ("change", "delete", "erase", "export", "sign-out")
        form = {"email": "mine@x.org", "is_active": "on", "reason": "why", "confirmed": "on", "post": "yes"}
        answers = [client.post(f"{PEOPLE}{person.pk}/{page}/", form).status_code for page in pages]
        answers.append(client.post(f"{PEOPLE}{person.pk}/password/", {"password1": "x", "password2": "x"}).status_code)

        assert answers == [403] * 6, person
        assert rights_of(person) == before
        assert User.objects.get(pk=person.pk).email == person.email


def test_an_administrator_edits_people_with_lesser_roles():
    client, cara = signed_in(member(Role.ADMINISTRATOR, "boss@x.org")), member(Role.CURATOR, "cara@x.org")

    answer = client.post(f"{PEOPLE}{cara.pk}/change/", {"email": "cara@x.org", "display_name": "Cara"})

    assert answer.status_code == 302
    assert rights_of(cara) == (False, False, set(), 0)


def test_a_role_is_changed_by_no_form():
    client = signed_in(make_user("root@x.org", is_staff=True, is_superuser=True))
    page = f"/admin/auth/group/{Group.objects.get(name=Role.CURATOR).pk}"

    assert client.get(f"{page}/change/").status_code == 200
    assert client.post(f"{page}/change/", {"name": "mine", "permissions": []}).status_code == 403
    assert client.post(f"{page}/delete/", {"post": "yes"}).status_code == 403
    assert Group.objects.filter(name=Role.CURATOR).exists()


@pytest.mark.parametrize("role", [role for role in Role if role != Role.ADMINISTRATOR])
def test_no_other_role_reaches_people(role):
    client, ada = signed_in(member(role, "staff@x.org")), make_user("ada@x.org")

    for page in ("", "add/", f"{ada.pk}/change/", f"{ada.pk}/support/", f"{ada.pk}/password/", f"{ada.pk}/erase/"):
        assert client.post(PEOPLE + page, {"is_superuser": "on", "email": "x@x.org"}).status_code == 403
    assert rights_of(ada) == (False, False, set(), 0)
