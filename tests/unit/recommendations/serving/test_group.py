"""Lists for groups: what they contain, and that nothing in them depends on what a member has seen."""

import json
import uuid
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.groups.services import group_leave
from accounts.models import GroupMember, User
from events.models import Interaction, Rating
from events.services import interaction_record
from movies.models import Movie
from movies.services import movies_hide
from recommendations.algorithms.listing.group_aggregation import rank_group
from recommendations.models import ModelVersion, MovieEmbedding, PopularMovie, StoredGroupList
from recommendations.retrieval import database_state
from recommendations.serving import group
from tests.factories import client_of, make_batch_list, make_group, make_movie, make_user
from tests.served import served_lists

URL = "/api/recommendations/group/"


def ask(user: User, group_id: str, **body):
    return client_of(user).post(URL, {"group": group_id, **body}, format="json")


def titles(response) -> list[str]:
    assert response.status_code == 200, response.content
    return [item["movie"]["title"] for item in response.json()["items"]]


def like(user: User, *movies: Movie) -> None:
    for movie in movies:
        interaction_record(user=user, movie_id=movie.pk, kind="like")


@pytest.fixture
def folds(cast, monkeypatch):
    """The parts of the catalogue: the three movies of each genre are in parts of their own."""
    parts = {movie.pk: place % 3 for place, movie in enumerate(cast.movies.values())}
    monkeypatch.setattr(group, "fold_of", lambda movie_id: parts.get(movie_id, 3))
    return parts


def test_a_group_needs_somebody_who_is_signed_in(cast, api_client):
    response = api_client.post(URL, {"group": make_group(cast.alice, cast.bob)}, format="json")

    assert response.status_code == 401
    assert not served_lists().exists()


def refusal(response) -> list[str]:
    assert response.status_code == 400, response.content
    return response.json()["error"]["fields"]["group"]


def test_a_foreign_group_is_like_one_that_is_not_there(cast):
    theirs, none = make_group(cast.bob, cast.carol), str(uuid.uuid4())

    assert refusal(ask(cast.alice, theirs)) == refusal(ask(cast.alice, none)) == ["You have no such group."]
    assert not StoredGroupList.objects.exists()
    assert not served_lists().exists()


def test_there_is_no_list_before_everybody_has_accepted(cast):
    waiting = make_group(cast.alice, cast.bob, cast.carol)
    GroupMember.objects.filter(user=cast.carol).update(user=None, accepted_at=None)

    for member in (cast.alice, cast.bob, cast.carol):
        assert refusal(ask(member, waiting)) == ["Not everybody has accepted the invitation yet."]
    assert not StoredGroupList.objects.exists()


def test_there_is_no_list_after_a_member_left(cast):
    ended = make_group(cast.alice, cast.bob)
    assert titles(ask(cast.alice, ended))

    group_leave(user=cast.bob, group_id=uuid.UUID(ended))

    for member in (cast.alice, cast.bob):
        assert refusal(ask(member, ended)) == ["This group has ended."]
    assert served_lists().count() == 1


def test_a_member_who_may_not_sign_in_ends_the_lists(cast):
    made = make_group(cast.alice, cast.bob)
    User.objects.filter(pk=cast.bob.pk).update(is_active=False)

    assert refusal(ask(cast.alice, made)) == ["This group has ended."]


BAD: dict[str, Any] = {
    "nothing": ({}, "group"),
    "none": ({"group": None}, "group"),
    "a text": ({"group": "bob@example.org"}, "group"),
    "a list": ({"group": []}, "group"),
    "NUL": ({"group": "\x00"}, "group"),
    "addresses": ({"members": ["bob@example.org"]}, "members"),
    "strategy": ({"strategy": "dictator"}, "strategy"),
    "strategy of two": ({"strategy": ["average"]}, "strategy"),
    "limit": ({"limit": 0}, "limit"),
    "much": ({"limit": 21}, "limit"),
    "a slip": ({"strateg": "average"}, "strateg"),
    "an array": ([], "non_field_errors"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_body_is_an_error_that_names_the_field(cast, name):
    body, field = BAD[name]
    if isinstance(body, dict) and field not in ("group", "members"):
        body = {"group": make_group(cast.alice, cast.bob), **body}

    response = client_of(cast.alice).post(URL, json.dumps(body), content_type="application/json")

    assert response.status_code == 400
    assert [named.split(".")[0] for named in response.json()["error"]["fields"]] == [field]
    assert not served_lists().exists()


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
    "repeat_after": 24,
    "exclude_watchlist": True,
}


@pytest.mark.parametrize("name", FILTERS)
def test_a_group_takes_no_filters_and_no_exclude(cast, name):
    response = ask(cast.alice, make_group(cast.alice, cast.bob), **{name: FILTERS[name]})

    assert response.status_code == 400
    assert response.json()["error"]["fields"] == {name: ["This is not supported for groups."]}
    assert not StoredGroupList.objects.exists()


# --- what nobody can see -----------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["like", "hide", "dislike", "watch", "view"])
def test_what_only_others_have_seen_stays_in_the_list(cast, kind):
    interaction_record(user=cast.bob, movie_id=cast["Heat"].pk, kind=kind)
    Rating.objects.create(user=cast.bob, movie=cast["Alien"], value=1)

    assert set(titles(ask(cast.alice, make_group(cast.alice, cast.bob)))) == set(cast.movies)


def test_what_the_asking_member_has_seen_is_left_out(cast):
    made = make_group(cast.alice, cast.bob)
    like(cast.bob, cast["Heat"])
    Rating.objects.create(user=cast.alice, movie=cast["Alien"], value=4)

    assert set(titles(ask(cast.alice, made))) == set(cast.movies) - {"Alien"}
    assert set(titles(ask(cast.bob, made))) == set(cast.movies) - {"Heat"}


def scores_of(cast, member: User) -> dict[str, float]:
    """The member's exact scores by title, which no answer has."""
    gathered = group.gather_group([cast.alice.pk, member.pk])
    ranked = rank_group(gathered.pools, gathered.folds, "average", gathered.ranking)
    names = {movie.pk: title for title, movie in cast.movies.items()}
    return {names[pk]: score for pk, score in zip(ranked.item_ids.tolist(), ranked.member_scores[1], strict=True)}


@pytest.mark.parametrize("kind", ["like", "watch", "dislike", "hide"])
def test_a_score_ignores_what_the_member_did_with_the_movie(cast, folds, kind):
    like(cast.bob, cast["Casino"], cast["Alien"])
    before = scores_of(cast, cast.bob)

    interaction_record(user=cast.bob, movie_id=cast["Heat"].pk, kind=kind)

    after = scores_of(cast, cast.bob)
    part = {title for title, movie in cast.movies.items() if folds[movie.pk] == folds[cast["Heat"].pk]}
    assert {title: after[title] for title in part} == {title: before[title] for title in part}


def test_a_score_follows_what_the_member_did_with_others(cast, folds):
    PopularMovie.objects.all().delete()
    like(cast.bob, cast["Casino"], cast["Goodfellas"])

    scores = scores_of(cast, cast.bob)

    assert scores["Heat"] > max(scores["Toy Story"], scores["Alien"])


def test_a_nightly_list_has_no_part_in_a_groups_list(cast):
    made = make_group(cast.alice, cast.bob), make_group(cast.alice, cast.bob)
    first = titles(ask(cast.alice, made[0]))
    make_batch_list(cast.version, cast.bob, {cast["Blade Runner"]: 0.9, cast["Aladdin"]: 0.8})

    assert titles(ask(cast.alice, made[1])) == first


def test_the_list_of_the_day_stays_whatever_members_do(cast):
    made = make_group(cast.alice, cast.bob)
    first = titles(ask(cast.alice, made, limit=5))

    like(cast.bob, *(cast[title] for title in ("Aladdin", "Babe", "Toy Story")))
    interaction_record(user=cast.alice, movie_id=cast["Blade Runner"].pk, kind="dislike")

    again = titles(ask(cast.alice, made, limit=9))
    assert again[:5] == first
    assert [title for title in titles(ask(cast.bob, made, limit=9)) if title in again] == [
        title for title in again if title not in ("Aladdin", "Babe", "Toy Story")
    ]
    assert StoredGroupList.objects.count() == 1


def test_a_list_is_computed_again_after_a_day(cast, settings):
    made = make_group(cast.alice, cast.bob)
    ask(cast.alice, made)
    old = timezone.now() - timedelta(hours=settings.GROUP_LIST_HOURS, minutes=1)
    StoredGroupList.objects.update(computed_at=old)

    ask(cast.bob, made)

    assert StoredGroupList.objects.get().computed_at > old + timedelta(hours=1)


def test_neither_the_answer_nor_the_log_has_a_score(cast):
    like(cast.bob, cast["Heat"], cast["Casino"])

    answer = ask(cast.alice, make_group(cast.alice, cast.bob)).json()

    assert all(set(item) == {"movie", "reason"} for item in answer["items"])
    assert all(set(item["reason"]) == {"code", "text"} for item in answer["items"])
    logged = np.float32(served_lists().get().scores)
    assert set(logged.tolist()) <= set(np.float32([1.0, 0.7, 0.4, 0.1]).tolist())


def test_a_member_who_paused_is_scored_as_unknown(cast):
    PopularMovie.objects.all().delete()
    groups = make_group(cast.alice, cast.bob), make_group(cast.alice, cast.bob)
    unknown = titles(ask(cast.alice, groups[0]))
    like(cast.bob, cast["Aladdin"], cast["Babe"])
    User.objects.filter(pk=cast.bob.pk).update(personalisation=False)

    assert titles(ask(cast.alice, groups[1])) == unknown


# --- what a list contains ----------------------------------------------------------------------------


def test_hidden_movies_are_omitted_at_once(cast):
    made = make_group(cast.alice, cast.bob)
    first = titles(ask(cast.alice, made))[0]

    movies_hide(movie_ids=[cast[first].pk])

    assert first not in titles(ask(cast.alice, made))


def test_least_misery_ranks_a_disliked_movie_below_average(cast, monkeypatch):
    """On average two people who like crime outweigh one who dislikes it; with least misery they do not."""
    judged = {cast[title].pk for title in ("Casino", "Aladdin", "Goodfellas")}
    monkeypatch.setattr(group, "fold_of", lambda movie_id: 0 if movie_id in judged else 1)
    monkeypatch.setattr(group, "FOLDS", 2)
    dan = make_user("dan@example.org")
    PopularMovie.objects.all().delete()
    like(cast.bob, cast["Casino"])
    like(dan, cast["Casino"])
    like(cast.carol, cast["Aladdin"])
    interaction_record(user=cast.carol, movie_id=cast["Goodfellas"].pk, kind="dislike")
    made = make_group(cast.bob, cast.carol, dan)

    average = titles(ask(dan, made, strategy="average"))
    least = titles(ask(dan, made, strategy="least_misery"))

    assert average.index("Heat") < least.index("Heat")
    assert sorted(average) == sorted(least)


def test_a_narrow_catalogue_fills_the_list(cast):
    for n in range(5):
        make_movie(f"Quiet {n}", 1970 + n, ["Crime"])

    shown = titles(ask(cast.bob, make_group(cast.bob, cast.carol)))

    assert set(shown) == set(cast.movies) | {f"Quiet {n}" for n in range(5)}


@pytest.mark.parametrize("limit", [1, 4, 9, 20])
def test_a_list_has_limit_movies_or_all_without_duplicates(cast, limit):
    shown = titles(ask(cast.alice, make_group(cast.alice, cast.bob), limit=limit))

    assert len(shown) == len(set(shown)) == min(limit, 9)


def test_without_a_model_the_list_is_popular(cast):
    ModelVersion.objects.all().delete()
    like(cast.alice, cast["Toy Story"])

    answer = ask(cast.alice, make_group(cast.alice, cast.bob))

    assert titles(answer)[:2] == ["Alien", "Heat"]
    assert answer.json()["model_version"] is None
    assert {item["reason"]["code"] for item in answer.json()["items"]} == {"popular"}


def test_without_factors_of_any_movie_it_still_answers(cast):
    MovieEmbedding.objects.update(item_factors=None, query_factors=None)
    like(cast.bob, cast["Heat"])

    assert titles(ask(cast.alice, make_group(cast.alice, cast.bob)))[:2] == ["Toy Story", "Alien"]


def test_an_empty_catalogue_gives_an_empty_group_list(cast):
    Movie.objects.all().delete()

    assert titles(ask(cast.alice, make_group(cast.alice, cast.bob))) == []


def test_a_list_is_logged_as_served_to_who_asked(cast):
    answer = ask(cast.bob, make_group(cast.alice, cast.bob), limit=4).json()

    served = served_lists().get()
    assert (str(served.pk), served.user, served.endpoint) == (answer["recommendation_id"], cast.bob, "group")
    assert served.movie_ids == [item["movie"]["id"] for item in answer["items"]]
    assert served.model_version_id == answer["model_version"] == cast.version.pk
    assert answer["members"] == ["alice@example.org", "bob@example.org"]
    assert not Interaction.objects.exists()


def test_ten_members_cost_no_more_queries_than_two(cast, monkeypatch):
    # It is read once a second, which would be counted now and then.
    monkeypatch.setattr(database_state, "CACHE_SECONDS", 600.0)
    others = [make_user() for _ in range(9)]
    for place, other in enumerate(others):
        like(other, list(cast.movies.values())[place % 3])

    def queries(*members: User) -> int:
        made = make_group(cast.alice, *members)
        with CaptureQueriesContext(connection) as captured:
            assert ask(cast.alice, made, limit=5).status_code == 200
        return len(captured)

    # So that the features of all their movies are cached.
    queries(*others)
    queries(others[0])
    assert queries(*others) == queries(others[0])
