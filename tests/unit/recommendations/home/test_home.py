"""The page of rows: which rows, in which order, without repetitions, and what is logged of it."""

import pytest

from events.attribution.dimensions import SOURCE_NAMES
from events.services import interaction_record
from recommendations.curation.services import row_save, rule_end
from recommendations.models import CuratedRow
from tests.factories import client_of, make_genre
from tests.served import served_lists
from tests.unit.recommendations.curation.rules import live_scenario, make_rule

URL = "/api/home/"


def page(user):
    response = client_of(user).get(URL)
    assert response.status_code == 200, response.content
    return response.json()


def titles(row):
    return [item["movie"]["title"] for item in row["items"]]


@pytest.fixture
def rows(committed_cast):
    """Alice's page in short rows: she has liked Heat and begun Alien."""
    cast = committed_cast
    make_genre("Drama")
    interaction_record(user=cast.alice, movie_id=cast["Heat"].pk, kind="like")
    interaction_record(user=cast.alice, movie_id=cast["Alien"].pk, kind="watch", progress=0.4)
    kinds = ["for_you", "continue_watching", "because_you_liked", "new_for_you", "trending"]
    live_scenario(rows=[*({"kind": kind, "places": 1} for kind in kinds), {"kind": "genre", "genre": "family"}])
    return page(cast.alice)["rows"]


def test_rows_come_in_the_scenarios_order_with_titles_in_words(rows):
    assert [(row["kind"], row["title"]) for row in rows] == [
        ("for_you", "For you"),
        ("continue_watching", "Continue watching"),
        ("because_you_liked", "Because you liked Heat"),
        ("new_for_you", "New for you"),
        ("trending", "Popular"),
        ("genre", "Family"),
    ]


def test_no_movie_is_on_the_page_twice_and_rows_are_refilled(rows):
    shown = [title for row in rows for title in titles(row)]

    assert len(shown) == len(set(shown))
    assert [len(row["items"]) for row in rows[:5]] == [1, 1, 1, 1, 1]
    assert titles(rows[1]) == ["Alien"]
    assert "Heat" not in shown


def test_each_row_is_logged_as_a_list_of_home(rows):
    logged = {str(row.pk): row for row in served_lists()}

    assert set(logged) == {row["recommendation_id"] for row in rows}
    assert {row.endpoint for row in logged.values()} == {"home"}
    sources = {row["kind"]: [SOURCE_NAMES[n] for n in logged[row["recommendation_id"]].sources] for row in rows}
    assert sources["trending"] == ["row"]
    assert sources["for_you"] != ["row"]
    for row in rows:
        assert logged[row["recommendation_id"]].movie_ids == [item["movie"]["id"] for item in row["items"]]


def test_a_rule_adds_a_curated_row_until_it_ends(committed_cast):
    cast = committed_cast
    row = row_save(row=CuratedRow(name="classics", title="Classics"), movie_ids=[cast["Babe"].pk, cast["Casino"].pk])
    rule = make_rule("row", row=row, place=1)

    first = page(cast.alice)["rows"][0]
    rule_end(rule=rule)
    after = page(cast.alice)["rows"]

    assert (first["name"], first["title"]) == ("curated:classics", "Classics")
    assert set(titles(first)) == {"Babe", "Casino"}
    assert first["items"][0]["rule"] == {"id": rule.pk, "kind": "row"}
    assert "curated:classics" not in [row["name"] for row in after]


def test_blocked_and_seen_movies_are_on_no_row(committed_cast):
    cast = committed_cast
    interaction_record(user=cast.alice, movie_id=cast["Toy Story"].pk, kind="watch")
    make_rule("block", cast["Babe"])
    live_scenario(rows=[{"kind": kind, "places": 2} for kind in ("trending", "for_you", "new_for_you", "genre")])

    shown = [title for row in page(cast.alice)["rows"] for title in titles(row)]

    assert shown
    assert not {"Toy Story", "Babe"} & set(shown)


def test_who_paused_gets_a_page_that_is_not_logged(committed_cast):
    committed_cast.alice.personalisation = False
    committed_cast.alice.save()

    answer = page(committed_cast.alice)

    assert answer["user_state"] == "cold"
    assert answer["rows"]
    assert not served_lists().exists()


def test_an_unknown_scenario_is_refused(committed_cast):
    response = client_of(committed_cast.alice).get(URL, {"scenario": "nowhere"})

    assert response.status_code == 400
    assert "scenario" in response.content.decode()
