"""Keys of client applications: who is let in, to what, and until when."""

import secrets
from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone

from accounts.clients.models import Client, ClientKey
from accounts.clients.scopes import Scope
from accounts.clients.services import client_get_or_create, key_create, key_revoke
from accounts.models import User
from events.models import Interaction
from tests.factories import Cast, client_of, client_with_key, make_key
from tests.query_counts import statements

LIST = "/api/recommendations/"
PATHS = [
    ("get", "/api/movies/", {}, "catalogue:read"),
    ("get", "/api/genres/", {}, "catalogue:read"),
    ("get", "/api/movies/{id}/", {}, "catalogue:read"),
    ("get", "/api/movies/{id}/similar/", {}, "catalogue:read"),
    ("get", "/api/movies/search/", {"q": "heat"}, "catalogue:read"),
    ("get", "/api/recommendations/popular/", {}, "catalogue:read"),
    ("get", "/api/recommendations/trending/", {}, "catalogue:read"),
    ("get", "/api/recommendations/latest/", {}, "catalogue:read"),
    ("get", LIST, {"user": "17"}, "recommendations:read"),
    ("get", "/api/events/", {"user": "17"}, "recommendations:read"),
    ("post", "/api/recommendations/session/", {}, "recommendations:read"),
    ("post", "/api/rank/", {"user": "17", "movie_ids": [1]}, "recommendations:read"),
    ("post", "/api/events/", {"user": "17", "movie": "{id}", "kind": "view"}, "events:write"),
    ("put", "/api/users/17/", {}, "users:manage"),
    ("get", "/api/users/17/export/", {}, "users:manage"),
    ("delete", "/api/users/17/", {}, "users:manage"),
]
every_path = pytest.mark.parametrize(("method", "path", "fields", "scope"), PATHS)


def ask(client, cast: Cast, method: str, path: str, fields: dict):
    heat = cast["Heat"].pk
    fields = {name: heat if value == "{id}" else value for name, value in fields.items()}
    kwargs = {} if method == "get" else {"format": "json"}
    return getattr(client, method)(path.replace("{id}", str(heat)), fields, **kwargs)


@every_path
def test_the_scope_of_an_endpoint_alone_is_enough(cast, method, path, fields, scope):
    if "export" in path:
        client_with_key(make_key()).put("/api/users/17/")
    response = ask(client_with_key(make_key(scopes=[scope])), cast, method, path, fields)

    assert response.status_code in (200, 201, 204), response.content


@every_path
def test_a_key_without_the_scope_gets_403(cast, method, path, fields, scope):
    others = [other for other in Scope.values if other != scope]
    response = ask(client_with_key(make_key(scopes=others)), cast, method, path, fields)

    assert response.status_code == 403
    assert response.json()["error"]["code"] == "permission_denied"
    assert scope in response.json()["error"]["message"]
    assert not User.objects.filter(client__isnull=False).exists()
    assert not Interaction.objects.exists()


@every_path
def test_a_wrong_key_gets_401(cast, method, path, fields, scope):
    prefix, _, secret = make_key().partition(".")
    swapped = make_key().partition(".")[2]
    for key in (f"{prefix}.{swapped}", f"{'x' * 12}.{secret}", f"{prefix}.", prefix, "", "a b", f"{prefix}.{secret}é"):
        response = ask(client_with_key(key), cast, method, path, fields)

        assert response.status_code == 401, key
        assert response.json()["error"]["code"] == "api_key_not_valid"
        assert response["WWW-Authenticate"]
    assert not User.objects.filter(client__isnull=False).exists()


def test_a_revoked_key_is_refused_at_once(cast):
    key = make_key()
    before = client_with_key(key).get(LIST, {"user": "17"})
    key_revoke(prefix=key.partition(".")[0])
    after = client_with_key(key).get(LIST, {"user": "17"})

    assert (before.status_code, after.status_code) == (200, 401)


def test_a_second_revocation_keeps_the_time_of_the_first(db):
    prefix = make_key().partition(".")[0]
    first = key_revoke(prefix=prefix).revoked_at

    assert key_revoke(prefix=prefix).revoked_at == first
    with pytest.raises(ClientKey.DoesNotExist):
        key_revoke(prefix="nothing")


def test_an_expired_key_is_refused(cast):
    key = make_key(expires_at=timezone.now() + timedelta(days=1))
    assert client_with_key(key).get(LIST, {"user": "17"}).status_code == 200
    ClientKey.objects.update(expires_at=timezone.now() - timedelta(seconds=1))

    assert client_with_key(key).get(LIST, {"user": "17"}).status_code == 401


def test_the_keys_of_an_inactive_client_are_refused(cast):
    shop, other = make_key("shop"), make_key("other")
    Client.objects.filter(name="shop").update(is_active=False)

    assert client_with_key(shop).get(LIST, {"user": "17"}).status_code == 401
    assert client_with_key(other).get(LIST, {"user": "17"}).status_code == 200


@pytest.mark.parametrize("spelling", ["Api-Key", "api-key", "API-KEY"])
def test_the_scheme_may_be_in_any_case(cast, api_client, spelling):
    api_client.credentials(HTTP_AUTHORIZATION=f"{spelling} {make_key()}")

    assert api_client.get(LIST, {"user": "17"}).status_code == 200


@pytest.mark.parametrize("space", [" ", "  ", "\t"])
def test_a_key_is_one_after_any_space(api_client, db, space):
    """Else an open page would answer a wrong key as it answers a guest."""
    key = make_key()
    api_client.credentials(HTTP_AUTHORIZATION=f"Api-Key{space}{key}")
    right = api_client.get("/api/genres/")
    api_client.credentials(HTTP_AUTHORIZATION=f"Api-Key{space}{key[:-3]}abc")

    assert right.status_code == 200
    assert api_client.get("/api/genres/").status_code == 401


@pytest.mark.parametrize("path", ["/api/auth/me/", "/api/recommendations/group/"])
def test_a_key_opens_nothing_that_names_no_scope(cast, path):
    client = client_with_key(make_key())
    response = client.get(path) if path.endswith("me/") else client.post(path, {"members": ["bob@example.org"]})

    assert response.status_code == 403


def test_pages_open_to_all_without_a_scope_ignore_a_key(db):
    for key in (make_key(), "wrong"):
        assert client_with_key(key).get("/api/schema/").status_code == 200


def test_a_key_as_a_bearer_token_is_refused(cast, api_client):
    api_client.credentials(HTTP_AUTHORIZATION=f"Bearer {make_key()}")

    assert api_client.get(LIST).status_code == 401


def test_only_a_hash_of_the_secret_is_stored(db):
    prefix, _, secret = make_key().partition(".")
    row = ClientKey.objects.filter(prefix=prefix).values().get()

    assert secret not in str(row)
    assert len(secret) == 43
    assert len(row["hashed_secret"]) == 64


def test_the_last_use_is_stored_once_a_minute(cast):
    client = client_with_key(make_key())
    client.get(LIST, {"user": "17"})
    first = ClientKey.objects.get().last_used_at
    client.get(LIST, {"user": "17"})

    assert first is not None
    assert ClientKey.objects.get().last_used_at == first
    ClientKey.objects.update(last_used_at=first - timedelta(minutes=2))
    client.get(LIST, {"user": "17"})
    assert ClientKey.objects.get().last_used_at > first


def test_a_refused_request_is_no_use_of_the_key(cast):
    client_with_key(make_key(scopes=["catalogue:read"])).get(LIST, {"user": "17"})

    assert ClientKey.objects.get().last_used_at is None


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"scopes": []}, "scopes"),
        ({"scopes": ["movies:burn"]}, "scopes"),
        ({"expires_at": timezone.now() - timedelta(days=1)}, "expires_at"),
        ({"rate_limit": "many"}, "rate_limit"),
        ({"rate_limit": "5/0s"}, "rate_limit"),
        ({"rate_limit": "5/s,"}, "rate_limit"),
        ({"rate_limit": "5/s:0"}, "rate_limit"),
    ],
)
def test_a_key_that_makes_no_sense_is_not_created(db, fields, named):
    with pytest.raises(ValidationError) as error:
        key_create(client=client_get_or_create(name="shop"), **({"scopes": ["catalogue:read"]} | fields))

    assert list(error.value.message_dict) == [named]
    assert not ClientKey.objects.exists()


def test_each_key_has_a_rate_of_its_own(cast, settings):
    settings.RATELIMIT_ENABLE = True
    slow, fast = make_key(rate_limit="2/m"), make_key(rate_limit="50/m")
    statuses = [client_with_key(slow).get("/api/genres/").status_code for _ in range(4)]
    refused = client_with_key(slow).get("/api/genres/")

    assert statuses == [200, 200, 429, 429]
    assert int(refused["Retry-After"]) >= 1
    assert client_with_key(fast).get("/api/genres/").status_code == 200
    assert client_of(cast.alice).get(LIST).status_code == 200


def test_a_rate_of_a_key_may_be_a_token_bucket_as_in_the_settings(cast, settings):
    settings.RATELIMIT_ENABLE = True
    client = client_with_key(make_key(rate_limit="60/h:2,1000/d"))
    answers = [client.get("/api/genres/") for _ in range(3)]

    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert "q=2;w=120" in answers[0]["RateLimit-Policy"]


def test_a_key_without_a_rate_has_that_of_the_site(cast, settings):
    settings.RATELIMIT_ENABLE = True
    settings.RATE_LIMITS = settings.RATE_LIMITS | {"client": ["1/m"], "anonymous": ["9/m"]}
    client = client_with_key(make_key())

    assert [client.get("/api/genres/").status_code for _ in range(2)] == [200, 429]


def test_wrong_keys_count_for_their_address(cast, settings):
    settings.RATELIMIT_ENABLE = True
    settings.RATE_LIMITS = settings.RATE_LIMITS | {"anonymous": ["2/m"]}
    client = client_with_key("made-up")
    # An address of its own: the window of an earlier run may be open still.
    client.defaults["REMOTE_ADDR"] = f"2001:db8:{secrets.token_hex(2)}:{secrets.token_hex(2)}::1"

    assert [client.get(LIST).status_code for _ in range(3)] == [401, 401, 429]


def test_a_method_that_does_not_exist_is_405_with_a_key(cast):
    client = client_with_key(make_key())

    assert client.patch("/api/events/").status_code == 405
    assert client.get("/api/rank/").status_code == 405


def test_a_warm_list_costs_one_query_more_than_with_a_token(committed_cast):
    person, shop = client_of(committed_cast.bob), client_with_key(make_key())
    asks = [lambda: person.get(LIST), lambda: shop.get(LIST, {"user": "17"})]
    for ask_list in asks:
        assert ask_list().status_code == 200
    with_token, with_key = (len(statements(ask_list)) for ask_list in asks)

    assert with_key <= with_token + 1
