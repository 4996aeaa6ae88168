"""Ordering movies of the caller's choice."""

import pytest

from events.services import interaction_record
from movies.models import Movie
from recommendations.serving.rank_movies import rank_movies
from tests.factories import client_of, client_with_key, make_key, make_movie
from tests.served import served_lists

RANK = "/api/rank/"


def ranked(client, cast, *titles, **fields) -> list[str]:
    names = {movie.pk: title for title, movie in cast.movies.items()}
    response = client.post(RANK, {"movie_ids": [cast[title].pk for title in titles]} | fields, format="json")
    assert response.status_code == 200, response.content
    return [names[item["movie_id"]] for item in response.json()["items"]]


def test_movies_come_in_the_order_of_the_persons_list(cast):
    interaction_record(user=cast.alice, movie_id=cast["Toy Story"].pk, kind="like")
    client = client_of(cast.alice)
    listed = [item["movie"]["title"] for item in client.get("/api/recommendations/").json()["items"]]

    assert ranked(client, cast, *reversed(listed)) == listed
    assert ranked(client, cast, *listed[5:1:-1]) == listed[2:6]


def test_a_score_is_that_of_the_persons_list(cast):
    client = client_of(cast.alice)
    listed = {i["movie"]["id"]: i["score"] for i in client.get("/api/recommendations/").json()["items"]}
    items = client.post(RANK, {"movie_ids": [cast["Casino"].pk, cast["Alien"].pk]}, format="json").json()["items"]

    assert [item["score"] for item in items] == [listed[item["movie_id"]] for item in items]


def test_movies_that_the_person_has_seen_are_ranked_too(cast):
    interaction_record(user=cast.bob, movie_id=cast["Heat"].pk, kind="like")
    interaction_record(user=cast.bob, movie_id=cast["Toy Story"].pk, kind="dislike")

    assert ranked(client_of(cast.bob), cast, "Toy Story", "Alien", "Heat") == ["Heat", "Alien", "Toy Story"]


def test_unknown_ids_are_named_and_left_out(cast):
    hidden = make_movie("Hidden", status=Movie.Status.HIDDEN)
    ids = [cast["Heat"].pk, hidden.pk, 10**9, cast["Heat"].pk]
    answer = client_of(cast.bob).post(RANK, {"movie_ids": ids}, format="json").json()

    assert [item["movie_id"] for item in answer["items"]] == [cast["Heat"].pk]
    assert answer["unknown"] == [hidden.pk, 10**9]


def test_unknown_ids_alone_give_an_empty_list(cast):
    answer = client_of(cast.bob).post(RANK, {"movie_ids": [10**9]}, format="json").json()

    assert answer["items"] == []
    assert answer["unknown"] == [10**9]


def test_a_thousand_movies_are_ranked_and_no_more(cast):
    ids = Movie.objects.bulk_create(Movie(title=f"Extra {n}", year=2000) for n in range(992))
    chosen = [movie.pk for movie in [*ids, *cast.movies.values()]]
    client = client_of(cast.alice)
    answer = client.post(RANK, {"movie_ids": chosen[-1000:]}, format="json").json()

    assert len(answer["items"]) == 1000
    assert answer["items"][0]["movie_id"] == cast["Heat"].pk
    assert client.post(RANK, {"movie_ids": chosen[:1001]}, format="json").status_code == 400


@pytest.mark.parametrize("ids", [[], None, "1", [0], [-1], [2**31], ["x"], [1.5]])
def test_ids_that_make_no_sense_are_an_error(cast, ids):
    response = client_of(cast.bob).post(RANK, {"movie_ids": ids}, format="json")

    assert response.status_code == 400
    assert not served_lists().exists()


def test_movies_without_a_score_follow_by_popularity(cast, settings):
    first, second = make_movie("Unscored, new"), make_movie("Unscored, popular")
    from tests.factories import make_popular  # noqa: PLC0415

    make_popular([second], "Rare")
    body = rank_movies(user=cast.bob, movie_ids=[first.pk, second.pk, cast["Heat"].pk])

    assert [item["movie_id"] for item in body["items"]] == [cast["Heat"].pk, second.pk, first.pk]


def test_the_order_is_logged_as_served(cast):
    answer = client_of(cast.alice).post(RANK, {"movie_ids": [cast["Babe"].pk, cast["Heat"].pk]}, format="json").json()
    served = served_lists().get(pk=answer["recommendation_id"])

    assert (served.user, served.endpoint) == (cast.alice, "rank")
    assert served.movie_ids == [item["movie_id"] for item in answer["items"]]


def test_a_client_ranks_for_a_user_of_its_own(cast):
    shop = client_with_key(make_key())
    shop.post("/api/events/", {"user": "17", "movie": cast["Toy Story"].pk, "kind": "like"}, format="json")

    assert ranked(shop, cast, "Heat", "Babe", user="17") == ["Babe", "Heat"]
