"""Groups: who is invited, who sees what, and how they end."""

import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.deletion import user_delete
from accounts.groups.selectors import INVITATION_DAYS
from accounts.groups.services import MAX_OPEN_GROUPS, groups_flush
from accounts.models import GroupMember, User, WatchGroup
from recommendations.models import StoredGroupList
from tests.factories import client_of, make_group, make_user

pytestmark = pytest.mark.django_db
URL = "/api/groups/"


@pytest.fixture
def ada():
    return make_user("ada@x.org")


@pytest.fixture
def bob():
    return make_user("bob@x.org")


def invite(user: User, *emails: str):
    return client_of(user).post(URL, {"members": emails}, format="json")


def listed(user: User) -> list[dict]:
    return client_of(user).get(URL).json()["items"]


def states(shown: dict) -> list[str]:
    return [member["state"] for member in shown["members"]]


def accept(user: User, group_id: str):
    return client_of(user).post(f"{URL}{group_id}/accept/")


def leave(user: User, group_id: str):
    return client_of(user).delete(f"{URL}{group_id}/")


def age(group_id: str, **ago) -> None:
    WatchGroup.objects.filter(pk=group_id).update(created_at=timezone.now() - timedelta(**ago))


def without_what_differs(shown: dict) -> dict:
    return {name: value for name, value in shown.items() if name not in ("id", "created_at", "expires_at", "members")}


def test_an_invitation_is_alike_for_accounts_and_strangers(ada, bob):
    shy = make_user("shy@x.org", group_invitations=False)
    answers, queries = [], []
    for email in (bob.email, shy.email, "nobody@x.org"):
        with CaptureQueriesContext(connection) as captured:
            answers.append(invite(ada, str(email)))
        queries.append(len(captured))

    assert [answer.status_code for answer in answers] == [201] * 3
    shown = [answer.json() for answer in answers]
    assert len({str(without_what_differs(one)) for one in shown}) == 1
    assert [states(one) for one in shown] == [["accepted", "invited"]] * 3
    assert queries[0] == queries[1] == queries[2]


def test_everybody_accepts_and_everybody_sees_it(ada, bob):
    eve = make_user("eve@x.org")
    made = invite(ada, "Bob@X.org", "eve@x.org").json()
    assert made["state"] == "pending"
    assert [one["id"] for one in listed(bob)] == [one["id"] for one in listed(eve)] == [made["id"]]

    assert accept(bob, made["id"]).json()["state"] == "pending"
    active = accept(eve, made["id"]).json()

    assert (active["state"], active["expires_at"], active["you"]) == ("active", None, "accepted")
    for member in (ada, bob, eve):
        assert listed(member)[0]["state"] == "active"
        assert states(listed(member)[0]) == ["accepted"] * 3


def test_accepting_again_changes_nothing(ada, bob):
    made = invite(ada, "bob@x.org").json()
    accept(bob, made["id"])
    first = GroupMember.objects.get(user=bob).accepted_at

    assert accept(bob, made["id"]).status_code == 200
    assert accept(ada, made["id"]).status_code == 200
    assert GroupMember.objects.get(user=bob).accepted_at == first
    assert GroupMember.objects.count() == 2


@pytest.mark.parametrize("who", ["ada", "bob"])
def test_whoever_leaves_ends_the_group_for_all_to_see(ada, bob, who, request):
    leaver, made = request.getfixturevalue(who), make_group(ada, bob)
    StoredGroupList.objects.create(group_id=made, strategy="average", movie_ids=[], reasons=[])

    assert [leave(leaver, made).status_code for _ in range(2)] == [204, 204]

    for member in (ada, bob):
        shown = client_of(member).get(f"{URL}{made}/").json()
        assert shown["state"] == "ended"
        assert states(shown) == ["left", "accepted"] if who == "ada" else ["accepted", "left"]
    assert accept(bob, made).status_code == 400


def test_declining_is_seen_by_nobody(ada, bob):
    made = invite(ada, "bob@x.org").json()

    assert leave(bob, made["id"]).status_code == 204

    assert listed(ada) == [made]
    assert listed(bob) == []
    assert accept(bob, made["id"]).status_code == 404
    assert GroupMember.objects.get(email="bob@x.org").user is None


@pytest.mark.parametrize("what", ["get", "delete", "post"])
def test_a_group_of_others_is_not_there(ada, bob, what):
    made, stranger = make_group(ada, bob), make_user()
    path = f"{URL}{made}/accept/" if what == "post" else f"{URL}{made}/"

    assert getattr(client_of(stranger), what)(path).status_code == 404
    assert WatchGroup.objects.get().ended_at is None
    assert GroupMember.objects.count() == 2
    assert listed(stranger) == []


def test_without_invitations_one_sees_none(ada, bob):
    made = invite(ada, "bob@x.org").json()
    client_of(bob).patch("/api/auth/me/", {"group_invitations": False}, format="json")

    assert listed(bob) == []
    assert accept(bob, made["id"]).status_code == 404
    assert listed(ada) == [made]


def test_an_invitation_expires(ada, bob):
    made = invite(ada, "bob@x.org").json()
    age(made["id"], days=INVITATION_DAYS, minutes=1)

    assert listed(bob) == []
    assert accept(bob, made["id"]).status_code == 404
    assert listed(ada)[0]["state"] == "expired"


BAD = {
    "nobody": [],
    "oneself": ["ada@x.org"],
    "twice": ["bob@x.org", "BOB@x.org"],
    "eleven": [f"p{n}@x.org" for n in range(11)],
    "eleven with oneself": [f"p{n}@x.org" for n in range(10)],
    "many": ["a@x.org"] * 2000,
    "a text": "bob@x.org",
    "a number": [7],
    "none": None,
    "a list in it": [["bob@x.org"]],
    "NUL": ["bob\x00@x.org"],
    "long": ["b" * 300 + "@x.org"],
}


@pytest.mark.parametrize("name", BAD)
def test_bad_members_are_an_error_that_names_them(ada, name):
    response = client_of(ada).post(URL, {"members": BAD[name]}, format="json")

    assert response.status_code == 400
    assert {field.split(".")[0] for field in response.json()["error"]["fields"]} == {"members"}
    assert not WatchGroup.objects.exists()


def test_open_invitations_are_limited(ada):
    assert {invite(ada, f"p{n}@x.org").status_code for n in range(MAX_OPEN_GROUPS)} == {201}

    assert invite(ada, "one.more@x.org").status_code == 400
    leave(ada, listed(ada)[0]["id"])
    assert invite(ada, "one.more@x.org").status_code == 201


def test_a_deleted_member_ends_the_group(ada, bob):
    eve = make_user("eve@x.org")
    made = make_group(ada, bob, eve)
    other = make_group(ada, eve)
    for group_id in (made, other):
        StoredGroupList.objects.create(group_id=group_id, strategy="average", movie_ids=[], reasons=[])

    user_delete(user_id=bob.pk)

    shown = client_of(ada).get(f"{URL}{made}/").json()
    assert shown["state"] == "ended"
    assert [member["email"] for member in shown["members"]] == ["ada@x.org", "eve@x.org"]
    assert [str(kept.group_id) for kept in StoredGroupList.objects.all()] == [other]
    user_delete(user_id=ada.pk)
    user_delete(user_id=eve.pk)
    assert not WatchGroup.objects.exists()


def test_a_deletion_does_not_tell_who_invited(ada, bob):
    made = invite(ada, "bob@x.org").json()

    user_delete(user_id=bob.pk)

    assert listed(ada) == [made]


def test_old_groups_are_deleted(ada, bob):
    kept, ended, expired = make_group(ada, bob), make_group(ada, bob), invite(ada, "bob@x.org").json()["id"]
    leave(ada, ended)
    WatchGroup.objects.filter(pk=ended).update(ended_at=timezone.now() - timedelta(days=31))
    age(kept, days=400)
    age(expired, days=INVITATION_DAYS, minutes=1)

    assert groups_flush() == 2
    assert [group.pk for group in WatchGroup.objects.all()] == [uuid.UUID(kept)]


@pytest.mark.django_db(transaction=True)
def test_accepting_and_leaving_at_once_leaves_one_outcome():
    ada, bob = make_user("ada@x.org"), make_user("bob@x.org")
    for _ in range(5):
        made = invite(ada, "bob@x.org").json()["id"]

        def act(call, user, group_id=made) -> int:
            try:
                return call(user, group_id).status_code
            finally:
                connection.close()

        with ThreadPoolExecutor(4) as pool:
            calls = [(accept, bob), (leave, ada), (accept, bob), (leave, ada)]
            answers = list(pool.map(lambda one: act(*one), calls))

        assert answers[1] == answers[3] == 204
        assert {answers[0], answers[2]} <= {200, 400, 404}
        assert client_of(ada).get(f"{URL}{made}/").json()["state"] == "ended"
