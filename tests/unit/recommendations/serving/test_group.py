"""Lists for groups: who may be a member, what they contain, and what they do not reveal."""

import json
from collections.abc import Sequence

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from events.models import Rating, ServedRecommendation
from events.services import interaction_record
from movies.models import Movie
from movies.services import movies_hide
from recommendations.models import ModelVersion, MovieEmbedding, PopularMovie
from tests.factories import client_of, make_batch_list, make_movie, make_user

URL = "/api/recommendations/group/"


@pytest.fixture
def willing(cast):
    """The cast, all of whom but Alice, who asks, have allowed lists for groups."""
    User.objects.exclude(pk=cast.alice.pk).update(share_with_groups=True)
    return cast


def ask(user: User, members: Sequence[str], **body):
    return client_of(user).post(URL, {"members": members, **body}, format="json")


def titles(response) -> list[str]:
    assert response.status_code == 200, response.content
    return [item["movie"]["title"] for item in response.json()["items"]]


def like(user: User, *movies: Movie) -> None:
    for movie in movies:
        interaction_record(user=user, movie_id=movie.pk, kind="like")


def test_a_group_needs_somebody_who_is_signed_in(willing, api_client):
    response = api_client.post(URL, {"members": ["bob@example.org"]}, format="json")

    assert response.status_code == 401
    assert not ServedRecommendation.objects.exists()


def test_the_requester_is_first_unless_named_elsewhere(willing):
    first = ask(willing.alice, ["Bob@Example.org"]).json()
    named = ask(willing.alice, ["bob@example.org", "alice@example.org"]).json()

    assert first["members"] == ["alice@example.org", "bob@example.org"]
    assert named["members"] == ["bob@example.org", "alice@example.org"]
    reverse = [item | {"member_scores": item["member_scores"][::-1]} for item in named["items"]]
    assert first["items"] == reverse


def test_unwilling_and_unknown_people_get_the_same_error(willing):
    User.objects.filter(pk=willing.bob.pk).update(share_with_groups=False)
    User.objects.filter(pk=willing.carol.pk).update(is_active=False)

    answers = [ask(willing.alice, [f"{name}@example.org"]) for name in ("bob", "carol", "nobody")]

    assert [answer.status_code for answer in answers] == [400] * 3
    errors = [answer.json()["error"] for answer in answers]
    for error, name in zip(errors, ("bob", "carol", "nobody"), strict=True):
        assert error["fields"] == {"members": [f"{name}@example.org has not allowed lists for groups."]}
    assert len({(error["code"], error["message"]) for error in errors}) == 1
    assert not ServedRecommendation.objects.exists()


def test_a_refusal_names_everybody_it_is_about(willing):
    error = ask(willing.alice, ["x@example.org", "bob@example.org", "y@example.org"]).json()["error"]

    assert error["fields"]["members"] == [f"{name}@example.org has not allowed lists for groups." for name in "xy"]


def test_withdrawing_consent_takes_effect_at_once(willing):
    assert ask(willing.alice, ["bob@example.org"]).status_code == 200

    client_of(willing.bob).patch("/api/auth/me/", {"share_with_groups": False}, format="json")

    assert ask(willing.alice, ["bob@example.org"]).status_code == 400


MANY = [f"p{n}@example.org" for n in range(11)]
BAD = {
    "nobody": ({"members": []}, "members"),
    "missing": ({}, "members"),
    "none": ({"members": None}, "members"),
    "oneself": ({"members": ["alice@example.org"]}, "members"),
    "twice": ({"members": ["bob@example.org", "BOB@example.org"]}, "members"),
    "oneself twice": ({"members": ["alice@example.org", "Alice@example.org"]}, "members"),
    "eleven": ({"members": MANY}, "members"),
    "eleven with oneself": ({"members": MANY[:10]}, "members"),
    "a text": ({"members": "bob@example.org"}, "members"),
    "a number": ({"members": [7]}, "members.0"),
    "an id": ({"members": ["bob@example.org", 10**30]}, "members.1"),
    "a list in it": ({"members": [["bob@example.org"]]}, "members.0"),
    "an object": ({"members": [{"email": "bob@example.org"}]}, "members.0"),
    "NUL": ({"members": ["bob\x00@example.org"]}, "members.0"),
    "half a character": ({"members": ["bob@exam\ud800ple.org"]}, "members.0"),
    "long": ({"members": ["b" * 300 + "@example.org"]}, "members.0"),
    "strategy": ({"members": ["bob@example.org"], "strategy": "dictator"}, "strategy"),
    "strategy of two": ({"members": ["bob@example.org"], "strategy": ["average"]}, "strategy"),
    "limit": ({"members": ["bob@example.org"], "limit": 0}, "limit"),
    "much": ({"members": ["bob@example.org"], "limit": 21}, "limit"),
    "a slip": ({"members": ["bob@example.org"], "strateg": "average"}, "strateg"),
    "a list": ([["bob@example.org"]], "non_field_errors"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_body_is_an_error_that_names_the_field(willing, name):
    body, field = BAD[name]

    response = client_of(willing.alice).post(URL, json.dumps(body), content_type="application/json")

    assert response.status_code == 400
    assert [named.split(".")[0] for named in response.json()["error"]["fields"]] == [field.split(".")[0]]
    assert not ServedRecommendation.objects.exists()


def test_ten_people_are_a_group(willing):
    others = [make_user(share_with_groups=True) for _ in range(9)]

    answer = ask(willing.alice, [str(other.email) for other in others])

    assert len(titles(answer)) == 9
    assert all(len(item["member_scores"]) == 10 for item in answer.json()["items"])


def test_movies_that_any_member_has_seen_are_omitted(willing):
    like(willing.bob, willing["Heat"])
    Rating.objects.create(user=willing.alice, movie=willing["Alien"], value=4)
    interaction_record(user=willing.carol, movie_id=willing["Babe"].pk, kind="hide")

    shown = titles(ask(willing.alice, ["bob@example.org", "carol@example.org"]))

    assert sorted(shown) == sorted(set(willing.movies) - {"Heat", "Alien", "Babe"})


def test_hidden_movies_are_omitted_at_once(willing, django_capture_on_commit_callbacks):
    first = titles(ask(willing.alice, ["bob@example.org"]))[0]
    with django_capture_on_commit_callbacks(execute=True):
        movies_hide(movie_ids=[willing[first].pk])

    assert first not in titles(ask(willing.alice, ["bob@example.org"]))


@pytest.mark.parametrize("strategy", ["least_misery", "average"])
def test_the_strategy_aggregates_the_member_scores(willing, strategy):
    like(willing.bob, willing["Heat"])
    like(willing.carol, willing["Toy Story"])

    answer = ask(willing.bob, ["carol@example.org"], strategy=strategy).json()

    assert answer["strategy"] == strategy
    assert len(answer["items"]) == 7
    for item in answer["items"]:
        own = item["member_scores"]
        expected = min(own) if strategy == "least_misery" else sum(own) / len(own)
        assert item["score"] == pytest.approx(expected, abs=0.011)
        assert all(0 <= score <= 1 for score in own)
    scores = [item["score"] for item in answer["items"]]
    assert scores == sorted(scores, reverse=True)


def test_least_misery_ranks_a_disliked_movie_below_average(willing):
    """On average two people who like crime outweigh one who dislikes it; with least misery they do not."""
    dan = make_user("dan@example.org", share_with_groups=True)
    PopularMovie.objects.all().delete()
    like(willing.bob, willing["Casino"])
    like(dan, willing["Casino"])
    like(willing.carol, willing["Aladdin"])
    interaction_record(user=willing.carol, movie_id=willing["Goodfellas"].pk, kind="dislike")
    group = ["carol@example.org", "dan@example.org"]

    average = titles(ask(willing.bob, group, strategy="average"))
    least = titles(ask(willing.bob, group, strategy="least_misery"))

    assert average[0] == "Heat"
    assert least[-1] == "Heat"
    assert sorted(average) == sorted(least)


def test_one_members_nightly_movies_are_scored_for_the_others(willing):
    PopularMovie.objects.all().delete()
    make_batch_list(willing.version, willing.bob, {willing["Aliens"]: 0.9, willing["Alien"]: 0.1})
    like(willing.bob, willing["Alien"])
    like(willing.carol, willing["Blade Runner"], willing["Babe"])

    items = ask(willing.bob, ["carol@example.org"]).json()["items"]

    by_title = {item["movie"]["title"]: item["member_scores"] for item in items}
    assert by_title["Aliens"][0] == 1.0
    assert by_title["Aliens"][1] > by_title["Heat"][1] > 0
    # Outside of Bob's nightly list too, by what he liked.
    assert 0 < by_title["Heat"][0] < by_title["Aliens"][0]


def test_a_movie_without_vectors_is_scored_low_and_not_left_out(willing):
    make_movie("Unknown")
    like(willing.bob, willing["Heat"])

    items = ask(willing.bob, ["carol@example.org"]).json()["items"]

    assert items[-1]["movie"]["title"] == "Unknown"
    assert items[-1]["member_scores"] == [0.0, 0.0]
    assert items[-1]["score"] == 0.0


FILTERS = {
    "genre": "crime",
    "year_from": 1990,
    "year_to": 1990,
    "language": "en",
    "max_runtime": 90,
    "exclude": "1",
    "mood": "gangsters",
    "cursor": "x",
    "explain": True,
}


@pytest.mark.parametrize("name", FILTERS)
def test_a_group_takes_no_filters_and_no_exclude(willing, name):
    """Filters would let a member find out, movie by movie, what another has seen."""
    response = ask(willing.alice, ["bob@example.org"], **{name: FILTERS[name]})

    assert response.status_code == 400
    assert response.json()["error"]["fields"] == {name: ["This is not supported for groups."]}
    assert not ServedRecommendation.objects.exists()


def test_scores_have_two_decimals(willing):
    like(willing.bob, willing["Heat"], willing["Toy Story"])

    items = ask(willing.alice, ["bob@example.org"]).json()["items"]

    shown = [score for item in items for score in (item["score"], *item["member_scores"])]
    assert shown == [round(score, 2) for score in shown]
    assert len(set(shown)) > 2


def test_a_narrow_catalogue_fills_the_list(willing):
    for n in range(5):
        make_movie(f"Quiet {n}", 1970 + n, ["Crime"])
    like(willing.bob, willing["Heat"])

    shown = titles(ask(willing.bob, ["carol@example.org"]))

    assert set(shown) == set(willing.movies) - {"Heat"} | {f"Quiet {n}" for n in range(5)}


@pytest.mark.parametrize("limit", [1, 4, 9, 20])
def test_a_list_has_limit_movies_or_all_without_duplicates(willing, limit):
    shown = titles(ask(willing.alice, ["bob@example.org"], limit=limit))

    assert len(shown) == len(set(shown)) == min(limit, 9)


def test_the_same_request_has_the_same_items(willing):
    like(willing.bob, willing["Heat"])

    first, again = (ask(willing.alice, ["bob@example.org", "carol@example.org"]).json() for _ in range(2))

    assert first["items"] == again["items"]
    assert first["recommendation_id"] != again["recommendation_id"]


def test_without_a_model_the_list_is_popular_and_unseen(willing):
    ModelVersion.objects.all().delete()
    like(willing.bob, willing["Toy Story"])

    answer = ask(willing.alice, ["bob@example.org"])

    assert titles(answer)[:2] == ["Alien", "Heat"]
    assert answer.json()["model_version"] is None
    assert {item["reason"]["code"] for item in answer.json()["items"]} == {"popular"}


def test_an_empty_catalogue_gives_an_empty_group_list(willing):
    Movie.objects.all().delete()

    assert titles(ask(willing.alice, ["bob@example.org"])) == []


def test_a_group_reason_names_no_members_signals(willing):
    PopularMovie.objects.all().delete()
    like(willing.bob, willing["Heat"])
    like(willing.carol, willing["Casino"])

    answer = ask(willing.bob, ["carol@example.org"])

    items = answer.json()["items"]
    assert items[0]["movie"]["title"] == "Goodfellas"
    assert items[0]["reason"] == {"code": "suits_all", "text": "Suits all of you"}
    assert all(set(item) == {"movie", "score", "member_scores", "reason"} for item in items)
    assert all(set(item["reason"]) == {"code", "text"} for item in items)
    assert not {"Heat", "Casino"} & set(answer.content.decode().split('"'))


def test_a_movie_one_member_likes_suits_some(willing):
    PopularMovie.objects.all().delete()
    like(willing.bob, willing["Heat"])
    like(willing.carol, willing["Toy Story"])

    items = ask(willing.bob, ["carol@example.org"], strategy="average").json()["items"]

    reasons = {item["movie"]["title"]: item["reason"]["code"] for item in items}
    assert reasons["Casino"] == "suits_some"


def test_a_list_is_logged_as_served_to_who_asked(willing):
    answer = ask(willing.alice, ["bob@example.org"], limit=4).json()

    served = ServedRecommendation.objects.get()
    assert (str(served.pk), served.user, served.endpoint) == (answer["recommendation_id"], willing.alice, "group")
    assert served.movie_ids == [item["movie"]["id"] for item in answer["items"]]
    assert served.model_version_id == answer["model_version"] == willing.version.pk


def test_ten_members_cost_no_more_queries_than_two(willing):
    others = [make_user(share_with_groups=True) for _ in range(9)]
    for place, other in enumerate(others):
        like(other, list(willing.movies.values())[place % 3])
    emails = [str(other.email) for other in others]

    def queries(members: Sequence[str]) -> list[str]:
        with CaptureQueriesContext(
            connection,
        ) as captured:
            assert ask(willing.alice, members, limit=5).status_code == 200
        return [query["sql"] for query in captured.captured_queries]

    # So that the features of all their movies are cached.
    queries(emails)
    queries(emails[:1])
    # Who asks, the others, the model with nightly lists, what all did, the search, and the log.
    assert len(queries(emails)) == len(queries(emails[:1])) == 6


def test_without_factors_of_any_movie_it_still_answers(willing):
    MovieEmbedding.objects.update(item_factors=None, query_factors=None)
    like(willing.bob, willing["Heat"])

    assert titles(ask(willing.bob, ["carol@example.org"]))[:2] == ["Toy Story", "Alien"]
