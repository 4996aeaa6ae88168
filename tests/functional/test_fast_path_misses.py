"""Lists that are not cached are computed for known callers without Django's handling, and are what Django answers."""

import json
import re
import time
from collections.abc import Iterator

import pytest
from django.core.cache import caches

from accounts.models import User
from accounts.services import user_update
from accounts.tokens import AccessToken
from events.list_invalidation import invalidate_user
from tests.factories import make_key, make_user, some_popular
from tests.functional.fast_line import BY_DJANGO, KEYS, LIST, Line, bearer, comparable, outcomes, status, warmed
from tests.functional.web_server import WebServer, web_server

pytestmark = pytest.mark.django_db(transaction=True)
BURST = 80


@pytest.fixture(scope="module")
def server(tmp_path_factory, django_db_setup, django_db_blocker) -> Iterator[WebServer]:
    caches["default"].delete_pattern("*")
    environment = KEYS | {"WEB_CONCURRENCY": "1", "RATE_LIMIT_USER": f"60/m:{BURST}", "ACCESS_TOKEN_MINUTES": "60"}
    with django_db_blocker.unblock(), web_server(tmp_path_factory.mktemp("web"), **environment) as running:
        yield running


@pytest.fixture(autouse=True)
def _movies():
    some_popular(12)


def without_ids(answer: tuple[str, bytes]) -> tuple[dict[str, str], str]:
    """``comparable``, also without what differs between two lists of the same movies."""
    headers, body = comparable(answer)
    assert headers.pop("ETag")
    return headers, re.sub(r'"(recommendation_id|generated_at)":"[^"]*"', "", body)


def computed(server: WebServer) -> float:
    return outcomes(server).get("computed", 0)


def test_a_missed_list_is_what_django_computes(server):
    person = make_user()
    headers = bearer(AccessToken.for_user(person))
    line = warmed(server, headers)
    before = computed(server)
    answers = []
    for more in ({}, BY_DJANGO):
        invalidate_user(person.pk)
        answers.append(line.get(f"{LIST}?limit=5", headers | more))

    fast, slow = answers

    assert computed(server) == before + 1
    assert without_ids(fast) == without_ids(slow)
    assert len(json.loads(fast[1])["items"]) == 5
    assert json.loads(fast[1])["recommendation_id"] != json.loads(slow[1])["recommendation_id"]


def test_a_missed_list_of_a_clients_user_is_computed(server):
    headers = {"Authorization": f"Api-Key {make_key()}"}
    line = warmed(server, headers, f"{LIST}?user=x")
    before = computed(server)
    answers = []
    for more in ({}, BY_DJANGO):
        invalidate_user(User.objects.get(client__name="shop", external_id="x").pk)
        answers.append(line.get(f"{LIST}?user=x", headers | more))

    assert computed(server) == before + 1
    assert without_ids(answers[0]) == without_ids(answers[1])


def test_the_first_list_of_a_person_is_computed(server):
    warmed(server, bearer(AccessToken.for_user(make_user())))
    before = computed(server)
    headers = bearer(AccessToken.for_user(make_user()))
    line = Line(server)

    first, second = (line.get(LIST, headers) for _ in range(2))

    assert computed(server) == before + 1
    assert json.loads(first[1])["recommendation_id"] == json.loads(second[1])["recommendation_id"]
    left = [int(re.search(r"RateLimit: .*r=(\d+);", head)[1]) for head, _ in (first, second)]
    assert left[0] == BURST - 1
    assert left[1] in (BURST - 2, BURST - 1)


def test_the_log_says_that_a_list_was_missed(server):
    person = make_user()
    headers = bearer(AccessToken.for_user(person))
    line = warmed(server, headers)
    for number, more in enumerate(({}, {}, BY_DJANGO)):
        if number != 1:
            invalidate_user(person.pk)
        line.get(LIST, headers | more | {"X-Request-ID": f"missed-{number}-{person.pk}"})
    time.sleep(0.4)

    lines = {one.get("request_id"): one for one in server.log_lines()}
    missed, hit, by_django = (lines[f"missed-{number}-{person.pk}"] for number in range(3))

    for one in (missed, hit, by_django):
        assert one.pop("duration_ms") > 0
        assert one.pop("timestamp")
    assert [missed["list"], hit["list"], by_django["list"]] == ["miss", "hit", "miss"]
    assert hit["recommendation_id"] == missed["recommendation_id"]
    ids = {name: by_django[name] for name in ("request_id", "recommendation_id")}
    assert missed | ids == by_django


def test_who_may_not_ask_is_left_to_django(server):
    warmed(server, bearer(AccessToken.for_user(make_user())))
    ended, paused, inactive = make_user(), make_user(), make_user(is_active=False)
    tokens = [AccessToken.for_user(person) for person in (ended, paused, inactive)]
    User.objects.filter(pk=ended.pk).update(token_version=ended.token_version + 1)
    user_update(user=paused, personalisation=False)
    before = computed(server)

    answers = [Line(server).get(LIST, bearer(token)) for token in tokens]

    assert [status(answer) for answer in answers] == [401, 200, 401]
    assert computed(server) == before


def test_a_full_bucket_refuses_misses_too(server):
    person = make_user()
    headers = bearer(AccessToken.for_user(person))
    line = warmed(server, headers)
    answers = []
    for _ in range(BURST + 20):
        invalidate_user(person.pk)
        answers.append(line.get(f"{LIST}?limit=1", headers))
        if status(answers[-1]) == 429:
            break

    left = [int(re.search(r"RateLimit: .*r=(\d+);", head)[1]) for head, _ in answers if " 200 " in head]
    assert status(answers[-1]) == 429
    assert left[-1] == 0
