"""Lists with real PostgreSQL and Redis: their items, reasons and invalidation."""

import pytest
from django.db import IntegrityError, transaction

from events.models import Rating
from movies.models import Movie
from recommendations.models import BatchRecommendation, ModelVersion, MovieEmbedding, PopularMovie
from tests.factories import make_batch_list, make_embedding, make_movie, make_popular, make_user
from tests.unit.recommendations.serving.answers import act, item, served, titles


def test_without_newer_signals_the_list_is_batch_then_popular(cast):
    answer = served(cast.alice)

    assert answer["user_state"] == "known"
    assert answer["model_version"] == cast.version.pk
    assert titles(answer)[:4] == ["Heat", "Casino", "Alien", "Babe"]
    assert titles(answer)[4:] == ["Toy Story", "Goodfellas", "Aladdin", "Aliens", "Blade Runner"]
    assert item(answer, "Casino")["sources"] == {"batch": 1.0, "realtime": 0.0, "popular": 0.0}
    assert item(answer, "Casino")["reason"] == {"code": "taste", "text": "Matches your taste"}
    assert item(answer, "Toy Story")["sources"] == {"batch": 0.0, "realtime": 0.0, "popular": 1.0}
    assert item(answer, "Toy Story")["reason"] == {"code": "popular", "text": "Popular right now"}
    scores = [entry["score"] for entry in answer["items"]]
    assert scores == sorted(scores, reverse=True)


def test_a_cold_user_gets_popular_movies(cast):
    answer = served(cast.carol)

    assert answer["user_state"] == "cold"
    assert titles(answer)[:3] == ["Toy Story", "Alien", "Heat"]
    assert {entry["reason"]["code"] for entry in answer["items"]} == {"popular"}
    assert len(answer["items"]) == 9


def test_a_new_persons_first_likes_move_similar_movies_up(cast):
    act(cast, cast.bob, "Heat", "like")
    act(cast, cast.bob, "Casino", "rating", 5.0)
    answer = served(cast.bob)

    assert answer["user_state"] == "new"
    assert titles(answer)[0] == "Goodfellas"
    assert not {"Heat", "Casino"} & set(titles(answer))
    first = answer["items"][0]
    assert first["reason"]["code"] == "because_liked"
    assert first["reason"]["movie_id"] in {cast["Heat"].pk, cast["Casino"].pk}
    assert first["sources"]["realtime"] > first["sources"]["popular"] > 0
    assert len(answer["items"]) == 7


def test_newer_signals_are_blended_with_the_batch_list(cast):
    before = served(cast.alice)
    act(cast, cast.alice, "Toy Story", "like")
    after = served(cast.alice)

    assert titles(before).index("Alien") < titles(before).index("Babe")
    assert titles(after).index("Babe") < titles(after).index("Alien")
    babe = item(after, "Babe")
    assert babe["sources"]["batch"] > 0
    assert babe["sources"]["realtime"] > 0
    assert babe["reason"] == {
        "code": "because_liked",
        "text": "Because you liked Toy Story",
        "movie_id": cast["Toy Story"].pk,
    }


def test_a_dislike_pushes_similar_movies_down(cast):
    before = titles(served(cast.alice))
    act(cast, cast.alice, "Goodfellas", "dislike")
    after = titles(served(cast.alice))

    # Alien outranks Casino once crime is disliked; the batch still holds Heat up.
    assert before.index("Casino") < before.index("Alien")
    assert after.index("Alien") < after.index("Casino")
    assert "Goodfellas" not in after


def test_dislikes_alone_lower_similar_popular_movies(cast):
    act(cast, cast.bob, "Toy Story", "dislike")
    after = titles(served(cast.bob))

    assert after[:2] == ["Alien", "Heat"]
    assert set(after[-2:]) == {"Babe", "Aladdin"}
    assert "Toy Story" not in after


@pytest.mark.parametrize("kind", ["like", "dislike", "watch", "hide"])
def test_seen_and_hidden_movies_are_never_listed(cast, kind):
    act(cast, cast.alice, "Heat", kind)
    Rating.objects.create(user=cast.alice, movie=cast["Toy Story"], value=4)

    assert not {"Heat", "Toy Story"} & set(titles(served(cast.alice)))


def test_a_view_counts_and_keeps_the_movie_in(cast):
    act(cast, cast.bob, "Heat", "view")
    answer = served(cast.bob)

    assert "Heat" in titles(answer)
    # A view has little weight against popularity, and still raises similar movies.
    assert item(answer, "Casino")["sources"]["realtime"] > item(answer, "Babe")["sources"]["realtime"]


@pytest.mark.parametrize("status", [Movie.Status.HIDDEN, Movie.Status.DRAFT, None])
def test_movies_gone_since_the_batch_ran_are_replaced(cast, status):
    if status is None:
        cast["Heat"].delete()
    else:
        Movie.objects.filter(title="Heat").update(status=status)
    answer = served(cast.alice)

    assert "Heat" not in titles(answer)
    assert titles(answer)[0] == "Casino"
    assert len(answer["items"]) == 8


def test_a_hidden_movie_does_not_scale_the_scores_of_others(cast):
    Movie.objects.filter(title="Heat").update(status=Movie.Status.HIDDEN)

    assert item(served(cast.alice), "Casino")["score"] == 1.0


def test_a_list_is_filled_to_a_hundred_movies(cast):
    batch = [make_movie(f"Batch {n}") for n in range(90)]
    BatchRecommendation.objects.all().delete()
    make_batch_list(cast.version, cast.alice, {movie: 1.0 - n / 100 for n, movie in enumerate(batch)})
    Movie.objects.filter(pk__in=[movie.pk for movie in batch[:40]]).update(status=Movie.Status.HIDDEN)
    PopularMovie.objects.all().delete()
    make_popular([make_movie(f"Popular {n}") for n in range(120)] + batch)
    answer = served(cast.alice)

    ids = [entry["movie"]["id"] for entry in answer["items"]]
    assert len(ids) == len(set(ids)) == 100
    assert titles(answer)[:50] == [movie.title for movie in batch[40:]]
    assert titles(answer)[50:] == [f"Popular {n}" for n in range(50)]


def test_the_speed_layer_alone_fills_a_list(cast):
    for n in range(120):
        make_embedding(cast.version, make_movie(f"Crime {n:03}"), [0.5 - n / 1000, 0, 0])
    act(cast, cast.bob, "Heat", "like")

    assert len(served(cast.bob)["items"]) == 100


def test_shares_sum_to_one(cast):
    act(cast, cast.alice, "Aladdin", "rating", 4.0)
    act(cast, cast.bob, "Alien", "watch")
    for person in (cast.alice, cast.bob):
        for entry in served(person)["items"]:
            assert sum(entry["sources"].values()) == pytest.approx(1, abs=1e-9)
            assert min(entry["sources"].values()) >= 0


def test_without_a_live_version_lists_are_popular(cast):
    ModelVersion.objects.update(status=ModelVersion.Status.RETIRED)
    act(cast, cast.bob, "Heat", "like")
    answer = served(cast.bob)

    assert answer["model_version"] is None
    assert titles(answer)[:4] == ["Casino", "Goodfellas", "Toy Story", "Alien"]
    assert "Heat" not in titles(answer)


def test_an_empty_system_gives_an_empty_list(db):
    answer = served(make_user())

    assert (answer["items"], answer["user_state"], answer["model_version"]) == ([], "cold", None)


def test_only_vectors_and_rows_of_the_live_version_count(cast):
    ready = ModelVersion.objects.create(status=ModelVersion.Status.READY)
    make_batch_list(ready, cast.bob, {cast["Babe"]: 1.0})
    make_embedding(ready, cast["Blade Runner"], [9.0, 9.0, 9.0])
    act(cast, cast.bob, "Heat", "like")
    answer = served(cast.bob)

    assert answer["user_state"] == "new"
    assert titles(answer)[0] == "Casino"


def test_signals_on_movies_without_factors_are_no_error(cast):
    MovieEmbedding.objects.filter(movie=cast["Heat"]).update(item_factors=None, query_factors=None)
    act(cast, cast.bob, "Heat", "like")

    assert titles(served(cast.bob))[:4] == ["Casino", "Goodfellas", "Toy Story", "Alien"]


def test_nightly_items_have_predicted_ratings(cast):
    row = BatchRecommendation.objects.get(user=cast.alice)
    ratings = dict(zip(row.movie_ids, [4.26, float("nan"), 3.0, 1.04], strict=True))
    row.predicted_ratings = list(ratings.values())
    row.save()
    answer = served(cast.alice)

    assert [entry["predicted_rating"] for entry in answer["items"][:4]] == [4.3, None, 3.0, 1.0]
    assert {entry["predicted_rating"] for entry in answer["items"][4:]} == {None}


def test_predicted_ratings_cover_all_movies_of_a_list_or_none(cast):
    row = BatchRecommendation.objects.get(user=cast.alice)
    row.predicted_ratings = [4.0]
    with pytest.raises(IntegrityError, match="batch_a_rating_for_each_movie_or_none"), transaction.atomic():
        row.save()

    row.refresh_from_db()
    assert row.predicted_ratings == []
