"""Each page that a person was shown is logged, wherever its list came from."""

import pytest

from events.models import ServedRecommendation
from events.served import SOURCE_CODES
from events.served.stream import stream_key
from recommendations.serving import list_cache
from tests.factories import client_of, client_with_key, make_group, make_key
from tests.served import impressions, served_lists

pytestmark = pytest.mark.django_db
LIST = "/api/recommendations/"


def pages(**of) -> list[tuple[int, int]]:
    return list(impressions().filter(**of).values_list("start", "count"))


def test_a_list_and_its_first_page_are_logged(cast):
    answer = client_of(cast.alice).get(LIST, {"limit": 2}).json()

    served = served_lists().get()
    assert (str(served.pk), served.user, served.endpoint) == (
        answer["recommendation_id"],
        cast.alice,
        "recommendations",
    )
    assert len(served.movie_ids) == len(served.scores) == len(served.sources) == 9
    shown = impressions().get()
    assert (shown.recommendation_id, shown.user, shown.start, shown.count) == (served.pk, cast.alice, 0, 2)
    assert served.movie_ids[: shown.count] == [item["movie"]["id"] for item in answer["items"]]
    assert shown.shown_at == served.served_at


def test_a_cached_list_is_logged_each_time_it_is_shown(cast):
    for limit in (3, 2, 100):
        client_of(cast.alice).get(LIST, {"limit": limit}, headers={"X-Request-ID": f"of-{limit}"})

    assert served_lists().count() == 1
    assert pages() == [(0, 3), (0, 2), (0, 9)]
    assert [shown.request_id for shown in impressions()][1:] == ["of-2", "of-100"]
    assert {shown.user for shown in impressions()} == {cast.alice}


def test_a_cached_list_costs_no_more_round_trips(cast, monkeypatch):
    client_of(cast.alice).get(LIST)
    sent, client = [], type(list_cache._redis())
    execute = client.execute_command
    monkeypatch.setattr(client, "execute_command", lambda *args, **of: sent.append(args[1]) or execute(*args, **of))

    assert list_cache.lookup(cast.alice.pk, page=list_cache.FirstPage(5)).rendered is not None
    assert sent == ["EVALSHA"]
    assert pages() == [(0, 9), (0, 5)]


def test_a_later_page_is_logged_without_what_was_left_out(cast):
    client = client_of(cast.alice)
    first = client.get(LIST, {"limit": 2}).json()
    movies = served_lists().get().movie_ids
    client.post("/api/events/", {"movie": movies[4], "kind": "watch"}, format="json")
    page = client.get(LIST, {"limit": 4, "cursor": first["next_cursor"]}).json()

    assert [item["movie"]["id"] for item in page["items"]] == [movies[place] for place in (2, 3, 5, 6)]
    assert pages() == [(0, 2), (2, 2), (5, 2)]


def test_each_source_is_the_one_with_the_largest_share(cast):
    answer = client_of(cast.alice).get(LIST).json()

    served = served_lists().get()
    assert served.sources == [SOURCE_CODES[max(item["sources"], key=item["sources"].get)] for item in answer["items"]]
    assert len(set(served.sources)) > 1


def test_a_filtered_list_a_group_and_a_ranking_are_logged(cast):
    client = client_of(cast.alice)
    client.get(LIST, {"genre": "crime", "limit": 2})
    client.post("/api/rank/", {"movie_ids": [cast["Heat"].pk, cast["Babe"].pk]}, format="json")
    group = {"group": make_group(cast.alice, cast.bob), "limit": 3}
    client.post("/api/recommendations/group/", group, format="json")

    assert set(served_lists().values_list("endpoint", flat=True)) == {"recommendations", "rank", "group"}
    for endpoint, count in (("recommendations", 2), ("rank", 2), ("group", 3)):
        served = ServedRecommendation.objects.get(endpoint=endpoint)
        assert len(served.sources) == len(served.movie_ids)
        assert pages(recommendation_id=served.pk) == [(0, count)]


def test_a_guests_list_is_logged_as_nobodys(cast):
    answer = (
        client_of()
        .post("/api/recommendations/session/", {"movie_ids": [cast["Heat"].pk], "limit": 3}, format="json")
        .json()
    )

    served = served_lists().get()
    assert (str(served.pk), served.user, served.client_id) == (answer["recommendation_id"], None, None)
    assert pages(user=None) == [(0, 3)]


def test_a_list_names_the_client_that_asked(cast):
    shop = client_with_key(make_key())
    shop.get(LIST, {"user": "17"})
    shop.post("/api/recommendations/session/", {"movie_ids": [cast["Heat"].pk]}, format="json")

    mine, guests = served_lists().order_by("served_at")
    assert mine.client_id == guests.client_id == mine.user.client_id
    assert guests.user is None


def test_nothing_is_logged_while_a_person_pauses(cast):
    cast.alice.personalisation = False
    cast.alice.save()
    client = client_of(cast.alice)
    first = client.get(LIST, {"limit": 2}).json()
    client.get(LIST, {"limit": 2, "cursor": first["next_cursor"]})
    client.post("/api/rank/", {"movie_ids": [cast["Heat"].pk]}, format="json")

    assert not list_cache._redis().exists(stream_key())
    assert not served_lists().exists()
    assert not impressions().exists()


def test_nothing_is_logged_with_the_log_off(cast, settings):
    settings.SERVED_LOG = False
    client = client_of(cast.alice)
    first = client.get(LIST, {"limit": 2}).json()
    client.get(LIST, {"limit": 2})
    client.get(LIST, {"limit": 2, "cursor": first["next_cursor"]})

    assert not list_cache._redis().exists(stream_key())
    assert not served_lists().exists()
