"""Deleting a person: nothing of them stays, and requests that it outruns find them gone."""

import re
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.contrib.admin.models import ADDITION, CHANGE, LogEntry
from django.contrib.auth.models import Group, Permission
from django.contrib.contenttypes.models import ContentType
from django.contrib.sessions.models import Session
from django.core.cache import cache
from django.db import connection, transaction
from django.test import Client
from django_redis import get_redis_connection

from accounts import services, signins
from accounts.deletion import user_delete
from accounts.models import RefreshToken, User
from events.announcements import changes_announce
from events.list_invalidation import invalidate_user_on_commit
from events.models import Interaction, Rating, Tag
from events.served.entries import ServedList
from events.served.list_ids import list_id_new
from events.served.log import served_append, served_write
from events.services import interaction_record
from movies.models import CacheInvalidation
from recommendations.models import BatchRecommendation, ModelVersion
from recommendations.serving import list_cache
from tests.factories import PASSWORD, client_of, make_group, make_user
from tests.served import drain, served_lists

pytestmark = pytest.mark.django_db(transaction=True)
LIST, EVENTS, GROUP = "/api/recommendations/", "/api/events/", "/api/recommendations/group/"


def rows_about(user_id: int) -> dict[str, int]:
    """How many rows of each table refer to the person, by the database's own foreign keys."""
    found = {}
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            for column, (_, other) in connection.introspection.get_relations(cursor, table).items():
                if other == User._meta.db_table:
                    cursor.execute(f'SELECT count(*) FROM "{table}" WHERE "{column}" = %s', [user_id])
                    found[f"{table}.{column}"] = cursor.fetchone()[0]
    return found


def keys_about(user_id: int) -> set[str]:
    """Redis' keys that hold the person's number, but for the marks, kept for a minute, that they are gone and that
    nobody may act for them."""
    redis = get_redis_connection("default")
    keys = {key.decode() for key in redis.scan_iter("*", count=1000)}
    own = {key for key in keys if re.search(rf":{user_id}(?::|$)", key) and ":deleted:" not in key}
    return {key for key in own if ":access:" not in key or redis.get(key) != b"-" or redis.ttl(key) > 60}


def kept_lists() -> set[str]:
    return {key.decode() for key in get_redis_connection("default").scan_iter(cache.make_key("served:*"))}


def log(user: User, about: object, text: str, message: str = "") -> LogEntry:
    kind = ContentType.objects.get_for_model(about)
    return LogEntry.objects.create(
        user=user,
        content_type=kind,
        object_id=str(about.pk),
        object_repr=text,
        change_message=message,
        action_flag=CHANGE,
    )


def busy_person(cast) -> User:
    """Somebody who has done all that leaves a trace."""
    user = make_user("ada@x.org", is_staff=True)
    client, movie = client_of(user), cast["Heat"]
    assert client.post(EVENTS, {"movie": movie.pk, "kind": "rating", "value": 4}, format="json").status_code == 201
    assert client.get(LIST).status_code == client.get(LIST, {"genre": "crime"}).status_code == 200
    assert client_of().post("/api/auth/token/", {"email": "ada@x.org", "password": PASSWORD}, format="json").json()
    Tag.objects.create(user=user, movie=movie, text="slow")
    user.groups.add(Group.objects.create(name="editors"))
    user.user_permissions.add(Permission.objects.first())
    log(user, movie, "Heat")
    Client().force_login(user)
    BatchRecommendation.objects.filter(user=cast.alice).update(user=user)
    return user


def test_nothing_of_a_deleted_person_stays(committed_cast):
    cast = committed_cast
    others = {cast.alice: client_of(cast.alice), cast.bob: client_of(cast.bob)}
    user = busy_person(cast)
    version = ModelVersion.objects.create(requested_by=user, trigger="admin")
    kept = {other.pk: client.get(LIST).json()["recommendation_id"] for other, client in others.items()}
    Client().force_login(cast.stan)
    before = rows_about(user.pk)
    assert sum(bool(count) for count in before.values()) >= 8, before
    assert keys_about(user.pk)
    assert len(kept_lists()) == 4

    assert user_delete(user_id=user.pk)

    assert not any(rows_about(user.pk).values())
    assert keys_about(user.pk) == set()
    assert len(kept_lists()) == 2
    assert not User.objects.filter(pk=user.pk).exists()
    assert ModelVersion.objects.get(pk=version.pk).requested_by is None
    assert [session.get_decoded()["_auth_user_id"] for session in Session.objects.all()] == [str(cast.stan.pk)]
    for other, client in others.items():
        assert client.get(LIST).json()["recommendation_id"] == kept[other.pk]
    assert user_delete(user_id=user.pk) is False


def test_the_admins_log_keeps_no_word_of_what_they_did(committed_cast):
    cast, user, other = committed_cast, make_user("ada@x.org"), make_user("eve@x.org")
    gone = Rating.objects.create(user=user, movie=cast["Casino"], value=1)
    rating, theirs = (Rating.objects.create(user=whose, movie=cast["Heat"], value=2) for whose in (user, other))
    tag = Tag.objects.create(user=user, movie=cast["Heat"], text="my secret word")
    lines = [log(cast.stan, row, str(row), "[]") for row in (gone, rating, tag, theirs)]
    # As an earlier release named a rating.
    lines.append(log(cast.stan, gone, f"{user.pk} gave {gone.movie_id} 1", "[]"))
    about_version = log(cast.stan, ModelVersion.objects.create(requested_by=user, trigger="admin"), "version 1")
    gone.delete()

    user_delete(user_id=user.pk)

    for line in (*lines, about_version):
        line.refresh_from_db()
    whose = f"of user {user.pk}"
    assert [line.object_repr for line in lines] == [
        *[f"rating {whose}"] * 2,
        f"tag {whose}",
        str(theirs),
        f"rating {whose}",
    ]
    assert [line.change_message for line in lines] == ["", "", "", "[]", ""]
    assert about_version.object_repr == "version 1"


def test_the_admins_log_keeps_its_lines_and_no_address(committed_cast):
    stan, user = committed_cast.stan, make_user("ada@x.org")
    longer = make_user("ada@x.org.uk")
    about = log(stan, user, "ada@x.org", '[{"changed": {"fields": ["E-mail"], "name": "ada@x.org"}}]')
    log(stan, user, "an.older.address@x.org")
    mention = log(stan, committed_cast["Heat"], "Heat, for ADA@x.org.", "wrote to lada@x.org and ada@x.org")
    other = log(stan, longer, "ada@x.org.uk")

    user_delete(user_id=user.pk)

    for entry in (about, mention, other):
        entry.refresh_from_db()
    assert LogEntry.objects.count() == 4
    assert (about.object_repr, about.change_message) == (f"user {user.pk}", "")
    assert LogEntry.objects.filter(object_repr=f"user {user.pk}").count() == 2
    assert mention.object_repr == f"Heat, for user {user.pk}."
    assert mention.change_message == f"wrote to lada@x.org and user {user.pk}"
    assert other.object_repr == "ada@x.org.uk"


@pytest.mark.parametrize("action", ["page", "selected"])
def test_the_admin_deletes_as_the_service_does(committed_cast, action):
    cast, staff = committed_cast, Client()
    staff.force_login(cast.stan)
    people = [busy_person(cast), make_user("bob@y.org")]
    chosen = people[:1] if action == "page" else people

    if action == "page":
        answer = staff.post(f"/admin/accounts/user/{people[0].pk}/delete/", {"post": "yes"})
    else:
        ids = [person.pk for person in people]
        data = {"action": "delete_selected", "_selected_action": ids, "post": "yes"}
        answer = staff.post("/admin/accounts/user/", data)

    assert answer.status_code == 302
    for person in chosen:
        assert not any(rows_about(person.pk).values())
        assert keys_about(person.pk) == set()
        assert LogEntry.objects.get(object_id=str(person.pk)).object_repr == f"user {person.pk}"
    assert not LogEntry.objects.filter(object_repr__contains="@").exists()
    assert LogEntry.objects.filter(user=cast.stan).exclude(action_flag=ADDITION).count() == len(chosen)


def test_a_superuser_may_delete_themselves(committed_cast):
    staff, stan = Client(), committed_cast.stan
    staff.force_login(stan)

    assert staff.post(f"/admin/accounts/user/{stan.pk}/delete/", {"post": "yes"}).status_code == 302

    assert not User.objects.filter(pk=stan.pk).exists()
    assert staff.get("/admin/").status_code == 302
    assert not Session.objects.exists()


def await_lock() -> None:
    """Waits until another connection waits for a row of ours."""
    deadline = time.monotonic() + 20
    waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype IN ('transactionid', 'tuple')"
    while time.monotonic() < deadline:
        with connection.cursor() as cursor:
            cursor.execute(waiting)
            if cursor.fetchone()[0]:
                return
        time.sleep(0.02)
    raise AssertionError("Nobody waits.")


def outrun(user: User, call):
    """What ``call`` comes to, having begun while a deletion of the person was under way."""

    def run():
        try:
            return call()
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            user_delete(user_id=user.pk)
            coming = pool.submit(run)
            await_lock()
        return coming.result()


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("post", EVENTS, {"kind": "rating", "value": 4}),
        ("post", EVENTS, {"kind": "like"}),
        ("patch", "/api/auth/me/", {"display_name": "Ada"}),
        ("post", GROUP, {}),
    ],
)
def test_a_request_that_a_deletion_outruns_is_a_401(committed_cast, method, path, body):
    cast, user = committed_cast, make_user("ada@x.org")
    client = client_of(user)
    if path == EVENTS:
        body["movie"] = cast["Heat"].pk
    if path == GROUP:
        body["group"] = make_group(user, cast.bob)

    answer = outrun(user, lambda: getattr(client, method)(path, body, format="json"))

    assert answer.status_code == 401
    assert answer.json()["error"]["code"] == "user_not_found"
    assert answer["WWW-Authenticate"].startswith("Bearer")
    assert not any(rows_about(user.pk).values())
    assert keys_about(user.pk) == set()
    assert kept_lists() == set()


@pytest.mark.parametrize("what", ["sign in", "refresh"])
def test_a_sign_in_that_a_deletion_outruns_is_a_401(committed_cast, what):
    user = make_user("ada@x.org")
    refresh = signins.tokens_issue(user=user).refresh
    path, body = (
        ("/api/auth/token/", {"email": "ada@x.org", "password": PASSWORD})
        if what == "sign in"
        else ("/api/auth/refresh/", {"refresh": refresh})
    )

    answer = outrun(user, lambda: client_of().post(path, body, format="json"))

    assert answer.status_code == 401
    assert answer.json()["error"]["code"] == ("invalid_credentials" if what == "sign in" else "token_not_valid")
    assert not RefreshToken.objects.exists()


def test_nothing_stays_of_a_list_that_a_deletion_outruns(committed_cast):
    """Serving writes nothing into PostgreSQL, so it does not wait for the deletion, which removes what it leaves."""
    user = make_user("ada@x.org")

    with transaction.atomic():
        user_delete(user_id=user.pk)
        with ThreadPoolExecutor(1) as pool:
            answer = pool.submit(lambda: (client_of(user).get(LIST), connection.close())[0]).result()

    assert answer.status_code == 200
    assert keys_about(user.pk) == kept_lists() == set()
    assert drain().entries == {"dropped": 1}
    assert not any(rows_about(user.pk).values())


def test_a_list_cached_during_a_deletion_is_removed(committed_cast, monkeypatch):
    user, store = make_user("ada@x.org"), list_cache.store

    def store_after_the_deletion(*args, **kwargs):
        user_delete(user_id=user.pk)
        store(*args, **kwargs)

    monkeypatch.setattr(list_cache, "store", store_after_the_deletion)
    answer = client_of(user).get(LIST)

    assert answer.status_code == 401
    assert keys_about(user.pk) == kept_lists() == set()
    assert not served_lists().exists()


def test_an_event_stored_just_before_a_deletion_leaves_no_token(committed_cast):
    user, movie = make_user("ada@x.org"), committed_cast["Heat"]

    with transaction.atomic():
        interaction_record(user=user, movie_id=movie.pk, kind="like")
        # Runs when the event has committed and before the person's token is replaced.
        connection.run_on_commit.insert(0, (set(), lambda: user_delete(user_id=user.pk), False))

    assert not Interaction.objects.exists()
    assert keys_about(user.pk) == set()


def test_what_staff_changed_before_a_deletion_leaves_no_token(committed_cast):
    user = make_user("ada@x.org")
    invalidate_user_on_commit(user.pk)
    invalidate_user_on_commit(committed_cast.bob.pk)

    user_delete(user_id=user.pk)

    assert [change.name for change in CacheInvalidation.objects.all()] == [f"user:{committed_cast.bob.pk}"]
    assert changes_announce() == 1
    assert keys_about(user.pk) == set()


def test_services_say_that_the_person_is_gone(committed_cast):
    user, movie = make_user("ada@x.org"), committed_cast["Heat"]
    of_list = {"user_id": user.pk, "model_version_id": None, "movie_ids": [1], "scores": [1]}
    served = ServedList(id=list_id_new(), endpoint="x", count=1, **of_list)
    user_delete(user_id=user.pk)

    with pytest.raises(User.DoesNotExist):
        interaction_record(user=user, movie_id=movie.pk, kind="rating", value=4)
    with pytest.raises(User.DoesNotExist):
        served_append(served)
    with pytest.raises(User.DoesNotExist):
        served_write(served)
    with pytest.raises(User.DoesNotExist):
        signins.tokens_issue(user=user)
    with pytest.raises(User.DoesNotExist):
        services.user_update(user=user, display_name="Ada")
    assert not Rating.objects.exists()
    assert not served_lists().exists()
