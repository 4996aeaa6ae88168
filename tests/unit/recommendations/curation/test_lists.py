"""What rules and scenarios change of a person's list, at once and by the clock, and what they leave alone."""

import json
from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from events.served.entries import SOURCE_CODES
from events.services import interaction_record
from movies.availability import days
from recommendations.curation.services import rule_end, scenario_rollback
from recommendations.models import Scenario
from recommendations.retrieval.filters import ListFilters
from recommendations.serving import services
from tests.factories import client_of
from tests.served import served_lists
from tests.unit.recommendations.curation.rules import live_scenario, make_rule

URL = "/api/recommendations/"


def served(user, limit=20, **options):
    return json.loads(services.recommendation_list(user=user, limit=limit, **options))


def titles(answer):
    return [item["movie"]["title"] for item in answer["items"]]


def rules(answer):
    return {item["movie"]["title"]: item["rule"]["kind"] for item in answer["items"] if "rule" in item}


def test_a_pin_is_first_in_the_next_list_and_gone_when_ended(committed_cast):
    cast = committed_cast
    before = served(cast.alice)
    rule = make_rule("pin", cast["Aladdin"], place=1)

    pinned = served(cast.alice)
    rule_end(rule=rule)
    after = served(cast.alice)

    assert titles(pinned) == ["Aladdin", *(title for title in titles(before) if title != "Aladdin")]
    assert pinned["items"][0]["rule"] == {"id": rule.pk, "kind": "pin"}
    assert pinned["items"][0]["reason"]["code"] == "curated"
    assert rules(pinned) == {"Aladdin": "pin"}
    assert titles(after) == titles(before)
    assert rules(after) == {}


def test_the_log_says_that_a_movie_was_pinned(committed_cast):
    make_rule("pin", committed_cast["Aladdin"], place=2)
    served(committed_cast.alice)

    row = served_lists().get()
    assert row.movie_ids[1] == committed_cast["Aladdin"].pk
    assert [n for n, source in enumerate(row.sources) if source == SOURCE_CODES["pinned"]] == [1]


def test_a_pin_never_lists_what_was_seen_or_filtered_out(committed_cast):
    cast = committed_cast
    interaction_record(user=cast.alice, movie_id=cast["Aladdin"].pk, kind="watch")
    make_rule("pin", cast["Aladdin"], cast["Babe"], place=1)

    assert titles(served(cast.alice))[0] == "Babe"
    filtered = served(cast.alice, filters=ListFilters(genres=("crime",)))
    assert rules(filtered) == {}
    assert set(titles(filtered)) == {"Heat", "Casino", "Goodfellas"}


def test_rules_take_no_more_than_their_share(committed_cast, settings):
    settings.CURATION_MAX_SHARE = 0.2
    cast = committed_cast
    make_rule("pin", *(cast[title] for title in ("Aladdin", "Babe", "Blade Runner", "Aliens")), place=1)
    make_rule("boost", cast["Goodfellas"], weight=10.0)

    answer = served(cast.alice)

    assert titles(answer)[:2] == ["Aladdin", "Babe"]
    assert rules(answer) == {"Aladdin": "pin", "Babe": "pin"}


def test_a_share_of_places_is_spread(committed_cast):
    cast = committed_cast
    make_rule("pin", cast["Aladdin"], cast["Blade Runner"], share=0.25)

    found = titles(served(cast.alice))

    assert {found[3], found[7]} == {"Aladdin", "Blade Runner"}


def test_boosts_lift_and_damps_lower(committed_cast):
    cast = committed_cast
    before = titles(served(cast.alice))
    make_rule("damp", cast[before[0]], weight=0.01)
    make_rule("boost", cast[before[2]], weight=10.0)

    answer = served(cast.alice)

    assert titles(answer)[0] == before[2]
    assert titles(answer).index(before[0]) > 1
    assert rules(answer) == {before[0]: "damp", before[2]: "boost"}
    assert all(0 <= item["score"] <= 1 for item in answer["items"])


def test_a_genre_is_boosted_without_naming_movies(committed_cast):
    cast = committed_cast
    genre = cast["Alien"].genres.get()
    make_rule("boost", genre=genre, weight=10.0)

    assert "Alien" in rules(served(cast.alice))


def test_a_rule_of_a_genre_holds_in_its_lists_alone(committed_cast):
    cast = committed_cast
    genre = cast["Heat"].genres.get()
    make_rule("pin", cast["Goodfellas"], place=1, genre=genre)

    assert rules(served(cast.alice)) == {}
    assert titles(served(cast.alice, filters=ListFilters(genres=("crime",))))[0] == "Goodfellas"


def test_a_blocked_movie_is_in_no_list(committed_cast):
    cast = committed_cast
    first = served(cast.alice, limit=1)
    blocked = cast[titles(served(cast.alice))[1]]
    make_rule("block", blocked)
    guest = client_of()

    lists = [
        served(cast.alice),
        json.loads(services.recommendation_list(user=cast.alice, limit=20, cursor=first["next_cursor"])),
        guest.post(URL + "session/", {"movie_ids": []}, format="json").json(),
        *(guest.get(URL + path).json() for path in ("popular/", "trending/", "latest/", "popular/?genre=crime")),
        guest.get("/api/movies/search/", {"q": blocked.title}).json(),
        guest.get(f"/api/movies/{cast['Goodfellas'].pk}/similar/").json(),
    ]

    assert blocked.title not in [title for answer in lists for title in titles(answer)]
    assert all(titles(answer) for answer in lists[:7])


def test_a_rule_begins_and_ends_by_the_clock(committed_cast, monkeypatch):
    cast = committed_cast
    before = served(cast.alice)
    now = timezone.now()
    starts, ends = now + timedelta(minutes=5), now + timedelta(minutes=10)
    make_rule("pin", cast["Aladdin"], place=1, starts_at=starts, ends_at=ends)
    make_rule("block", cast["Toy Story"], starts_at=starts, ends_at=ends)

    seen = []
    for moment in (now, starts + timedelta(seconds=1), ends + timedelta(seconds=1)):
        monkeypatch.setattr(days, "now", moment.timestamp)
        popular = titles(client_of().get(URL + "popular/").json())
        seen.append((titles(served(cast.alice))[0], "Toy Story" in popular))

    assert seen == [(titles(before)[0], True), ("Aladdin", False), (titles(before)[0], True)]


def test_a_hit_with_rules_costs_no_query(committed_cast):
    make_rule("pin", committed_cast["Aladdin"], place=1)
    first = served(committed_cast.alice)

    with CaptureQueriesContext(connection) as queries:
        again = served(committed_cast.alice)

    assert again == first
    assert len(queries) == 0


def test_the_explanation_names_the_rules(committed_cast):
    rule = make_rule("pin", committed_cast["Aladdin"], place=1)

    explanation = served(committed_cast.alice, explain=True)["explanation"]

    assert explanation["rules"] == [{"id": rule.pk, "kind": "pin", "movies": [committed_cast["Aladdin"].pk]}]


def test_a_scenario_has_its_places_filters_and_rules(committed_cast):
    cast = committed_cast
    version = live_scenario("weekend", places=2, filters={"genres": ["family"]})
    make_rule("pin", cast["Aladdin"], place=1, scenario=version.scenario)

    weekend = client_of(cast.alice).get(URL, {"scenario": "weekend"}).json()
    home = client_of(cast.alice).get(URL).json()

    assert weekend["scenario"] == {"name": "weekend", "version": 1}
    assert len(weekend["items"]) == 2
    assert titles(weekend)[0] == "Aladdin"
    assert home["scenario"] == {"name": "home", "version": None}
    assert rules(home) == {}
    assert set(served_lists().values_list("endpoint", flat=True)) == {"recommendations", "recommendations:weekend"}


def test_each_scenario_has_its_own_cached_list_and_pages(committed_cast):
    live_scenario("weekend", places=2)
    client = client_of(committed_cast.alice)
    first = [client.get(URL, {"scenario": name}).json() for name in ("weekend", "home")]
    again = [client.get(URL, {"scenario": name}).json() for name in ("weekend", "home")]
    cursor = first[0]["next_cursor"]

    assert [answer["recommendation_id"] for answer in again] == [answer["recommendation_id"] for answer in first]
    assert client.get(URL, {"scenario": "weekend", "cursor": cursor}).status_code == 200
    assert client.get(URL, {"cursor": cursor}).status_code == 400


def test_publishing_and_rolling_back_show_in_the_next_list(committed_cast):
    lengths, client = [], client_of(committed_cast.alice)
    for places in (3, 5):
        live_scenario(places=places)
        lengths.append(len(client.get(URL).json()["items"]))
    scenario_rollback(scenario=Scenario.objects.get(name="home"))
    back = client.get(URL).json()

    assert [*lengths, len(back["items"])] == [3, 5, 3]
    assert back["scenario"] == {"name": "home", "version": 1}


def test_a_scenario_that_is_not_live_is_refused(committed_cast):
    Scenario.objects.create(name="draft")

    with pytest.raises(ValidationError) as error:
        served(committed_cast.alice, scenario="draft")

    assert "scenario" in error.value.message_dict
