"""The users of client applications: named by ids of the client's own, and invisible to everybody else."""

import sys
from importlib import import_module
from unicodedata import category

import pytest
from django.apps import apps
from django.db import IntegrityError, transaction

from accounts.clients.services import client_get_or_create
from accounts.clients.users import external_id_problem
from accounts.models import User
from events.models import Interaction, Rating
from events.services import interaction_record
from events.training_data import training_data_read
from tests.factories import PASSWORD, client_of, client_with_key, make_key
from tests.served import drain, served_lists

LIST, EVENTS, RANK = "/api/recommendations/", "/api/events/", "/api/rank/"


@pytest.fixture
def shop(db):
    return client_with_key(make_key("shop"))


@pytest.fixture
def other(db):
    return client_with_key(make_key("other"))


def send(client, cast, user, title="Heat", **fields):
    return client.post(EVENTS, {"user": user, "movie": cast[title].pk, "kind": "like"} | fields, format="json")


def titles(response) -> list[str]:
    return [item["movie"]["title"] for item in response.json()["items"]]


def test_an_event_for_a_new_id_makes_the_user(cast, shop):
    response = send(shop, cast, "17")
    user = User.objects.get(client__name="shop", external_id="17")

    assert response.status_code == 201
    assert Interaction.objects.get().user == user
    assert user.email is None
    assert not user.has_usable_password()


def test_a_list_for_a_new_id_makes_the_user(cast, shop):
    response = shop.get(LIST, {"user": "17"})

    assert response.json()["user_state"] == "cold"
    assert served_lists().get().user.external_id == "17"


def test_the_next_list_takes_an_event_into_account(committed_cast, shop):
    before = titles(shop.get(LIST, {"user": "17"}))
    send(shop, committed_cast, "17", "Heat")
    after = titles(shop.get(LIST, {"user": "17"}))

    assert before[0] == "Toy Story"
    assert after[0] == "Casino"
    assert "Heat" not in after


def test_the_same_id_at_two_clients_is_two_users(cast, shop, other):
    send(shop, cast, "17", "Heat")
    send(other, cast, "17", "Toy Story")

    assert User.objects.filter(external_id="17").count() == 2
    assert titles(shop.get(EVENTS, {"user": "17"})) == ["Heat"]
    assert titles(other.get(EVENTS, {"user": "17"})) == ["Toy Story"]


def test_a_client_sees_nothing_of_anothers_user(cast, shop, other):
    shop.put("/api/users/17/", {"display_name": "Ada"}, format="json")
    send(shop, cast, "17")

    assert other.get("/api/users/17/export/").status_code == 404
    assert other.get(EVENTS, {"user": "17"}).json()["items"] == []
    assert other.delete("/api/users/17/").status_code == 204
    assert Interaction.objects.filter(user__client__name="shop").count() == 1


def test_a_cursor_of_another_clients_user_is_refused(cast, shop, other):
    cursor = shop.get(LIST, {"user": "17", "limit": 2}).json()["next_cursor"]

    assert shop.get(LIST, {"user": "17", "cursor": cursor}).status_code == 200
    assert other.get(LIST, {"user": "17", "cursor": cursor}).status_code == 400
    assert shop.get(LIST, {"user": "18", "cursor": cursor}).status_code == 400


def test_an_id_is_never_an_account_of_this_site(cast, shop):
    interaction_record(user=cast.alice, movie_id=cast["Heat"].pk, kind="like")
    for external_id in ("alice@example.org", str(cast.alice.pk)):
        assert shop.get(EVENTS, {"user": external_id}).json()["items"] == []
        assert shop.delete(f"/api/users/{external_id}/").status_code == 204

    assert User.objects.filter(pk=cast.alice.pk).exists()
    assert Interaction.objects.filter(user=cast.alice).exists()


def test_group_lists_never_find_a_clients_user(cast, shop):
    shop.get(LIST, {"user": "bob@example.com"})
    response = client_of(cast.alice).post("/api/recommendations/group/", {"members": ["bob@example.com"]}, "json")

    assert response.status_code == 400


@pytest.mark.parametrize("path", ["/api/users/%FF/", "/api/users/a%ED%A0%80/", "/api/users/%C3/export/"])
def test_a_path_that_is_not_utf_8_names_nobody(shop, path):
    """Django reads such a byte as the text %FF, which can be the id of somebody else."""
    shop.put(path.removesuffix("export/").replace("%", "%25"), {}, format="json")
    before = set(User.objects.values_list("external_id", flat=True))
    methods = ("get",) if path.endswith("export/") else ("put", "delete")

    assert {
        # Gunicorn's variable, which the test client leaves out.
        getattr(shop, method)(path, {}, format="json", RAW_URI=path).status_code
        for method in methods
    } == {400}
    assert set(User.objects.values_list("external_id", flat=True)) == before != set()


def test_nobody_signs_in_as_a_clients_user(cast, shop, api_client):
    shop.put("/api/users/eve@example.org/", {}, format="json")
    response = api_client.post("/api/auth/token/", {"username": "eve@example.org", "password": PASSWORD}, format="json")

    assert response.status_code in (400, 401)


@pytest.mark.parametrize(
    "broken",
    [{"email": "x@example.org"}, {"external_id": ""}, {"dataset": "d", "dataset_user_id": 1}, {"client": None}],
)
def test_the_database_keeps_clients_users_apart(db, broken):
    fields = {"client": client_get_or_create(name="shop"), "external_id": "17", "password": "!"} | broken

    with pytest.raises(IntegrityError), transaction.atomic():
        User.objects.create(**fields)


@pytest.mark.parametrize(
    "operation",
    [("get", LIST, {}), ("get", EVENTS, {}), ("post", EVENTS, {"kind": "view"}), ("post", RANK, {"movie_ids": [1]})],
    ids=str,
)
class TestTheNameOfTheUser:
    """``user`` is required with a key, and refused without one."""

    def ask(self, client, cast, operation, **more):
        method, path, fields = operation
        fields = fields | more | ({"movie": cast["Heat"].pk} if "kind" in fields else {})
        return getattr(client, method)(path, fields, **({} if method == "get" else {"format": "json"}))

    def test_a_key_without_a_user_is_an_error(self, cast, shop, operation):
        response = self.ask(shop, cast, operation)

        assert response.status_code == 400
        assert list(response.json()["error"]["fields"]) == ["user"]

    def test_a_person_who_names_a_user_gets_an_error(self, cast, operation):
        response = self.ask(client_of(cast.alice), cast, operation, user="17")

        assert response.status_code == 400
        assert list(response.json()["error"]["fields"]) == ["user"]
        assert not Interaction.objects.exists()

    @pytest.mark.parametrize(
        "user", ["", " ", " 17", "x" * 129, "a\x00b", "a\nb", "\x7f", "\x85", "a/", "/a", "..", "x/export"]
    )
    def test_an_impossible_id_is_an_error(self, cast, shop, operation, user):
        response = self.ask(shop, cast, operation, user=user)

        assert response.status_code == 400
        assert list(response.json()["error"]["fields"]) == ["user"]
        assert not User.objects.filter(client__isnull=False).exists()

    @pytest.mark.parametrize("user", ["x" * 128, "17", "a b", "a/b", "auth0|5", "ünï🎬", "eve@example.org", "50%&=?#"])
    def test_other_ids_are_kept_as_they_are(self, cast, shop, operation, user):
        response = self.ask(shop, cast, operation, user=user)

        assert response.status_code in (200, 201), response.content
        assert User.objects.get(client__isnull=False).external_id == user


@pytest.mark.parametrize("body", ['"\\ud800"', "[]", "{}", "true", "17", "1.5e999"])
def test_an_id_of_another_type_is_an_error(cast, shop, body):
    text = f'{{"movie": {cast["Heat"].pk}, "kind": "like", "user": {body}}}'

    assert shop.post(EVENTS, text, content_type="application/json").status_code == 400


def test_two_users_in_one_query_are_an_error(cast, shop):
    assert shop.get(f"{LIST}?user=1&user=2").status_code == 400


def test_an_invalid_request_makes_no_user(cast, shop):
    assert shop.get(LIST, {"user": "17", "limit": 0}).status_code == 400
    assert send(shop, cast, "17", kind="clap").status_code == 400

    assert not User.objects.filter(client__isnull=False).exists()


def test_a_deactivated_user_is_refused(cast, shop):
    send(shop, cast, "17")
    User.objects.filter(external_id="17").update(is_active=False)

    assert shop.get(LIST, {"user": "17"}).status_code == 403
    assert send(shop, cast, "17", "Alien").status_code == 403
    assert Interaction.objects.count() == 1


def test_putting_a_user_twice_changes_nothing(shop):
    answers = [shop.put("/api/users/a%2Fb/", {"display_name": "Ada"}, format="json") for _ in range(2)]

    assert [answer.status_code for answer in answers] == [201, 200]
    assert answers[0].json() == answers[1].json()
    assert answers[0].json()["user"] == "a/b"
    assert User.objects.get().display_name == "Ada"


def test_putting_a_user_again_renames_them(shop):
    shop.put("/api/users/17/", {"display_name": "Ada"}, format="json")
    shop.put("/api/users/17/", {"display_name": "Bea"}, format="json")

    assert User.objects.get().display_name == "Bea"


@pytest.mark.parametrize("path", ["/api/users/%00/", "/api/users/..%2F/", f"/api/users/{'x' * 129}/"])
def test_a_path_with_an_impossible_id_is_an_error(shop, path):
    for answer in (shop.put(path, {}, format="json"), shop.delete(path), shop.get(f"{path}export/")):
        assert answer.status_code == 400
    assert not User.objects.exists()


def test_deleting_a_user_leaves_nothing_of_theirs(cast, shop):
    send(shop, cast, "17", kind="rating", value=4)
    send(shop, cast, "18")
    shop.get(LIST, {"user": "17"})
    answers = [shop.delete("/api/users/17/") for _ in range(2)]

    assert [answer.status_code for answer in answers] == [204, 204]
    assert list(User.objects.filter(client__isnull=False).values_list("external_id", flat=True)) == ["18"]
    assert not Rating.objects.exists()
    assert not served_lists().exists()
    assert Interaction.objects.get().user.external_id == "18"


def test_a_user_who_comes_back_after_deletion_is_new(cast, shop):
    send(shop, cast, "17")
    shop.delete("/api/users/17/")

    assert shop.get(LIST, {"user": "17"}).json()["user_state"] == "cold"
    assert shop.get(EVENTS, {"user": "17"}).json()["items"] == []


def test_an_export_has_all_rows_of_the_user_alone(cast, shop):
    shop.put("/api/users/17/", {"display_name": "Ada"}, format="json")
    send(shop, cast, "17", kind="rating", value=4)
    send(shop, cast, "18", "Alien")
    shop.get(LIST, {"user": "17"})
    drain()
    exported = shop.get("/api/users/17/export/").json()

    assert exported["user"]["display_name"] == "Ada"
    assert [row["movie_id"] for row in exported["interactions"]] == [cast["Heat"].pk]
    assert [row["value"] for row in exported["ratings"]] == [4]
    assert len(exported["served_recommendations"]) == len(exported["list_impressions"]) == 1
    assert "password" not in exported["user"]


def test_an_export_has_every_relation_that_a_deletion_deletes(cast, shop):
    shop.put("/api/users/17/", {}, format="json")
    exported = shop.get("/api/users/17/export/").json()
    cascading = {
        relation.get_accessor_name()
        for relation in User._meta.related_objects
        if relation.on_delete.__name__ == "CASCADE" and relation.related_model.__name__ != "LogEntry"
    }

    assert set(exported) == cascading | {"user"}


@pytest.mark.parametrize(
    ("method", "path"),
    [("put", "/api/users/17/"), ("delete", "/api/users/17/"), ("get", "/api/users/17/export/")],
)
def test_people_cannot_manage_users_of_clients(cast, api_client, method, path):
    assert getattr(client_of(cast.stan), method)(path).status_code == 403
    assert getattr(api_client, method)(path).status_code == 401
    assert not User.objects.filter(client__isnull=False).exists()


def test_a_user_deleted_during_a_request_is_a_conflict(cast, shop, monkeypatch):
    send(shop, cast, "17")
    user = User.objects.get(external_id="17")
    monkeypatch.setattr("accounts.clients.users.client_user_find", lambda **_: user)
    User.objects.filter(pk=user.pk).delete()

    response = send(shop, cast, "17", "Alien")

    assert (response.status_code, response.json()["error"]["code"]) == (409, "conflict")
    assert not Interaction.objects.exists()


def test_feedback_of_clients_users_trains_the_common_model(cast, shop):
    send(shop, cast, "17", kind="rating", value=4)
    user = User.objects.get(external_id="17")

    assert user.pk in training_data_read().user_ids.tolist()


class TestTheMoviePage:
    """``user`` may be missing there, and needs a second scope."""

    def ask(self, client, cast, **fields):
        return client.get(f"/api/movies/{cast['Heat'].pk}/", fields)

    def test_a_client_that_names_nobody_reads_the_page(self, cast, shop):
        response = self.ask(shop, cast)

        assert response.status_code == 200
        assert response.json()["predicted_rating"] is None
        assert not User.objects.filter(client__isnull=False).exists()

    def test_the_predicted_rating_is_that_of_the_user(self, cast, shop, monkeypatch):
        monkeypatch.setattr("recommendations.api.views.predicted_rating", lambda user_id, movie_id: float(user_id))
        response = self.ask(shop, cast, user="17")

        assert response.json()["predicted_rating"] == User.objects.get(external_id="17").pk
        assert "no-store" in response["Cache-Control"]

    def test_a_user_needs_the_scope_of_recommendations(self, cast):
        client = client_with_key(make_key(scopes=["catalogue:read"]))

        assert self.ask(client, cast, user="17").status_code == 403
        assert not User.objects.filter(client__isnull=False).exists()

    def test_a_guest_or_person_who_names_a_user_gets_an_error(self, cast, api_client):
        for client in (api_client, client_of(cast.alice)):
            assert self.ask(client, cast, user="17").status_code == 400


def test_going_back_before_clients_strands_none_of_their_users(cast):
    migration = import_module("accounts.migrations.0008_clients")
    migration.refuse_with_client_users(apps, None)
    User.objects.create(client=client_get_or_create(name="shop"), external_id="1")

    with pytest.raises(RuntimeError, match="delete those users"):
        migration.refuse_with_client_users(apps, None)


def test_no_control_character_is_printable():
    refused = [chr(code) for code in range(sys.maxunicode + 1) if category(chr(code)) in ("Cc", "Cs", "Zl", "Zp")]

    assert not any(character.isprintable() for character in refused)
    assert {external_id_problem(f"a{character}b") for character in refused} == {"No control characters."}
