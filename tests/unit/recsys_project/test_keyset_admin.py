"""Lists of the admin that are read by key."""

import re
from datetime import timedelta

import pytest
from django.contrib import admin
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import User
from events.models import Interaction, ServedRecommendation
from tests.factories import make_movie, make_user
from tests.served import list_id_at

pytestmark = pytest.mark.django_db
EVENTS, LISTS, PEOPLE = "/admin/events/interaction/", "/admin/events/servedrecommendation/", "/admin/accounts/user/"


@pytest.fixture
def desk() -> Client:
    client = Client(raise_request_exception=False)
    client.force_login(make_user("root@x.org", is_staff=True, is_superuser=True))
    return client


@pytest.fixture
def small_pages(monkeypatch):
    for model in (Interaction, ServedRecommendation, User):
        monkeypatch.setattr(admin.site._registry[model], "list_per_page", 4)


@pytest.fixture
def events(small_pages) -> list[int]:
    """Ten events on ten days, the newest first: every fifth is a dislike."""
    ada, now = make_user("ada@x.org"), timezone.now()
    made = [
        Interaction.objects.create(
            user=ada,
            movie=make_movie(),
            kind="dislike" if n % 5 == 0 else "like",
            occurred_at=now - timedelta(days=10 - n),
            received_at=now - timedelta(days=10 - n),
        )
        for n in range(10)
    ]
    return [event.pk for event in reversed(made)]


def keys(page) -> list:
    return [row.pk for row in page.context["cl"].result_list]


def walk(desk: Client, url: str, link: str) -> list[list]:
    """The keys of each page from ``url`` on, by the links of this name."""
    found = []
    for _ in range(20):
        page = desk.get(url)
        assert page.status_code == 200
        found.append(keys(page))
        following = getattr(page.context["cl"], link)
        if not following:
            return found
        url = url.partition("?")[0] + following
    raise AssertionError("The pages do not end.")


def test_pages_hold_each_row_once_in_both_directions(desk, events):
    down = walk(desk, EVENTS, "older_url")
    up = walk(desk, f"{EVENTS}?before={events[-2]}", "newer_url")

    assert down == [events[:4], events[4:8], events[8:]]
    assert up[0] == events[-1:]
    assert [key for page in reversed(up) for key in page] == events


def test_lists_of_one_moment_are_paged_by_their_ids(desk, small_pages):
    now = timezone.now()
    made = [
        ServedRecommendation.objects.create(
            id=list_id_at(now), served_at=now, endpoint="recommendations", movie_ids=[1], scores=[1]
        )
        for _ in range(9)
    ]

    pages = walk(desk, LISTS, "older_url")

    assert [len(page) for page in pages] == [4, 4, 1]
    assert [key for page in pages for key in page] == sorted((row.pk for row in made), reverse=True)


def test_a_filter_without_an_index_reads_a_window_and_goes_on(desk, events, monkeypatch):
    monkeypatch.setattr(admin.site._registry[Interaction], "scan_rows", 3)

    first = desk.get(EVENTS, {"kind__exact": "dislike"})
    pages = walk(desk, f"{EVENTS}?kind__exact=dislike", "older_url")

    assert keys(first) == []
    assert "Searched back to" in first.content.decode()
    assert [key for page in pages for key in page] == [events[4], events[9]]


def test_a_day_jumps_to_its_last_row(desk, events):
    day = Interaction.objects.get(pk=events[3]).received_at

    page = desk.get(EVENTS, {"until": f"{day:%Y-%m-%d}"})

    assert keys(page) == events[3:7]
    assert keys(desk.get(EVENTS, {"until": "1990-01-01"})) == []
    back = desk.get(EVENTS + page.context["cl"].newer_url)
    assert keys(back) == events[:3]


@pytest.mark.parametrize("url", [EVENTS, LISTS, PEOPLE])
@pytest.mark.parametrize("name", ["before", "after"])
@pytest.mark.parametrize("text", ["", "x", "1,2,3", "\x00", "2026-01-01,1", "9" * 99, ",", "None", "\uff11"])
def test_a_cursor_that_is_no_row_is_no_server_error(desk, url, name, text):
    assert desk.get(url, {name: text}).status_code in (200, 400)


@pytest.mark.parametrize("text", ["x", "2026-02-31", "99999-01-01", "9999-12-31", "0001-01-01", "\x00"])
def test_a_day_that_is_none_is_no_server_error(desk, text):
    assert desk.get(EVENTS, {"until": text}).status_code in (200, 400)


def test_an_action_is_for_one_page_alone(desk):
    people = [make_user() for _ in range(3)]
    form = {"action": "delete_selected", "_selected_action": [people[0].pk], "select_across": "1", "post": "yes"}

    assert desk.post(PEOPLE, form).status_code == 400
    assert User.objects.filter(pk__in=[one.pk for one in people]).count() == 3


@pytest.mark.parametrize("query", ["", "?o=1", "?o=-2.1", "?p=7", "?_facets=1", "?all=", "?is_staff__exact=1"])
@pytest.mark.parametrize("url", [EVENTS, PEOPLE])
def test_no_list_is_counted_or_sorted_otherwise(desk, events, url, query):
    with CaptureQueriesContext(connection) as queries:
        assert desk.get(url + query).status_code in (200, 302)

    statements = " ".join(query["sql"] for query in queries)
    assert "COUNT(" not in statements
    assert "OFFSET" not in statements
    orders = set(re.findall(r'ORDER BY "(?:events_interaction|accounts_user)"\."(\w+)"', statements))
    assert orders <= {"id"}


@pytest.mark.parametrize(
    ("term", "found"),
    [("ADA", True), ("ada@x.org", True), ("da@x", False), ("", True), ("ml-test:42", False), ("\x00", True)],
)
def test_people_are_found_by_the_beginning_of_their_address(desk, term, found):
    ada = make_user("ada@x.org")

    assert (ada.pk in keys(desk.get(PEOPLE, {"q": term}))) is found


def test_people_of_data_sets_and_clients_are_found_by_their_ids(desk):
    from accounts.clients.users import client_user_get_or_create  # noqa: PLC0415
    from accounts.models import Client as Application  # noqa: PLC0415
    from tests.factories import make_imported_user, make_key  # noqa: PLC0415

    imported = make_imported_user("ml-test", 42)
    make_key("shop")
    user, _ = client_user_get_or_create(client_id=Application.objects.get(name="shop").pk, external_id="u7")

    assert keys(desk.get(PEOPLE, {"q": "ml-test:42"})) == [imported.pk]
    assert keys(desk.get(PEOPLE, {"q": "shop:u7"})) == [user.pk]
    assert keys(desk.get(PEOPLE, {"q": str(user.pk)})) == [user.pk]
