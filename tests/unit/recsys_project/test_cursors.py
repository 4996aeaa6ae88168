"""Cursors of somebody else, of another list, cut off or made up: an error naming the cursor, or rows of one's own."""

from typing import Any

import pytest
from django.core import signing

from events.services import interaction_record
from recommendations.curation.services import scenario_publish, scenario_save
from recommendations.models import Scenario
from tests.factories import Cast, client_of, make_user

pytestmark = pytest.mark.django_db
LIST, EVENTS, WATCHLIST, HIDDEN, MOVIES = (
    f"/api/{name}/" for name in ("recommendations", "events", "events/watchlist", "events/hidden", "movies")
)
OWN = {EVENTS: "page_size", WATCHLIST: "page_size", HIDDEN: "page_size", LIST: "limit"}
# Positions as Django signs them, which no answer gave out.
POSITIONS: list[Any] = [
    *([], [1], [1, 2, 3], "x", None, 5, {"a": 1}, [[], {}], ["9" * 400, "1"], ["2026-01-01", "x"]),
    *(["9999-12-31T23:59:59+00:00", "9" * 30], ["0001-01-01T00:00:00+14:00", "1"], [None, None], ["\x00", "\x00"]),
]


@pytest.fixture
def busy(cast: Cast) -> Cast:
    """Alice and Bob have events and movies on each of their lists."""
    for person in (cast.alice, cast.bob):
        for title in ("Heat", "Babe", "Alien"):
            interaction_record(user=person, movie_id=cast[title].pk, kind="watchlist")
        for title in ("Casino", "Aladdin", "Aliens"):
            interaction_record(user=person, movie_id=cast[title].pk, kind="hide")
    return cast


def cursor_of(client: Any, path: str, **query: Any) -> str:
    return client.get(path, {OWN.get(path, "page_size"): 1, **query}).json()["next_cursor"]


def refused(answer: Any) -> bool:
    return answer.status_code == 400 and list(answer.json()["error"]["fields"]) == ["cursor"]


@pytest.mark.parametrize("path", OWN)
def test_a_cursor_of_somebody_else_shows_nothing_of_theirs(busy, path):
    alice, bob = client_of(busy.alice), client_of(busy.bob)
    own = {str(item) for item in alice.get(path).json()["items"]}

    answer = alice.get(path, {"cursor": cursor_of(bob, path)})

    assert refused(answer) or (path != LIST and {str(item) for item in answer.json()["items"]} <= own)


@pytest.mark.parametrize(
    "other",
    [
        {"region": "NO"},
        {"genre": "crime"},
        {"exclude_watchlist": "true"},
        {"repeat_after": "1"},
        {"scenario": "weekend"},
    ],
)
def test_a_cursor_of_one_list_reads_no_other_list(busy, other):
    scenario = Scenario.objects.create(name="weekend")
    scenario_publish(version=scenario_save(scenario=scenario, config={}))
    alice = client_of(busy.alice)

    assert refused(alice.get(LIST, {**other, "cursor": cursor_of(alice, LIST)}))
    if cursor := cursor_of(alice, LIST, **other):
        assert refused(alice.get(LIST, {"cursor": cursor}))


@pytest.mark.parametrize("path", [LIST, EVENTS, WATCHLIST, MOVIES])
def test_a_cursor_that_is_cut_or_altered_is_refused(busy, path):
    alice = client_of(busy.alice)
    cursor = cursor_of(alice, path)
    altered = [cursor[:n] for n in (0, 1, len(cursor) // 2, len(cursor) - 1)]
    altered += [cursor + "x", "x" + cursor, cursor.swapcase(), cursor * 20, f"{cursor}\x00", f".{cursor}"]

    assert [text for text in altered if not refused(alice.get(path, {"cursor": text}))] == []
    assert alice.get(path, {"cursor": cursor}).status_code == 200


@pytest.mark.parametrize("salt", ["recommendations.cursor", "cursor.events.interaction.[]", "cursor.movies.movie.[]"])
def test_a_signed_position_that_is_none_is_no_server_error(busy, salt):
    alice = client_of(busy.alice)
    texts = [signing.dumps(position, salt=salt) for position in POSITIONS]

    found = {(path, text): alice.get(path, {"cursor": text}).status_code for path in (*OWN, MOVIES) for text in texts}

    assert {key: status for key, status in found.items() if status not in (200, 400)} == {}


@pytest.mark.parametrize("path", ["accounts/user", "events/interaction", "events/servedrecommendation"])
def test_a_key_of_the_admin_beyond_every_row_shows_none(busy, client, path):
    client.force_login(make_user("root@x.org", is_staff=True, is_superuser=True))
    keys = ["0", "-1", "9" * 18, "9" * 19, "9" * 99, "-" + "9" * 90, "1e5", "1 OR 1=1", "9999-12-31T23:59:59Z,1"]
    keys += ["0001-01-01T00:00:00+23:59," + "f" * 32, "2026-01-01T00:00:00Z," + "0" * 32, "2026-01-01T00:00:00Z,\x00"]

    found = {(name, key): client.get(f"/admin/{path}/", {name: key}) for name in ("before", "after") for key in keys}

    assert {answer.status_code for answer in found.values()} <= {200, 400}
    for name, key in (("before", "0"), ("before", "-1"), ("after", "9" * 19)):
        if found[name, key].status_code == 200:
            assert list(found[name, key].context["cl"].result_list) == []
