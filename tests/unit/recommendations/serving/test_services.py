"""Lists with real PostgreSQL and Redis: their items, reasons and invalidation."""

import json

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django_redis import get_redis_connection
from redis.exceptions import ConnectionError as RedisConnectionError

from events.list_invalidation import invalidate_user
from events.models import Interaction, Rating
from events.services import interaction_record
from movies.caching import version_tokens
from movies.models import Movie
from movies.services import movies_hide
from recommendations.curation.active import placement_for
from recommendations.models import RATING_DIMENSIONS, BatchRecommendation, ModelVersion, MovieEmbedding, PopularMovie
from recommendations.retrieval import movie_features
from recommendations.retrieval.database_state import catalogue_token
from recommendations.retrieval.movie_features import feature_cache_for
from recommendations.serving import gather, list_cache, services
from recommendations.serving.list_cache import Lookup
from tests.factories import make_batch_list, make_embedding, make_movie, make_popular, make_user
from tests.served import served_lists
from tests.tokens import user_token_key


def served(user, limit: int = 100) -> dict:
    return json.loads(services.recommendation_list(user=user, limit=limit))


def titles(answer: dict) -> list[str]:
    return [item["movie"]["title"] for item in answer["items"]]


def item(answer: dict, title: str) -> dict:
    return next(item for item in answer["items"] if item["movie"]["title"] == title)


def act(cast, user, title: str, kind: str, value: float | None = None) -> None:
    interaction_record(user=user, movie_id=cast[title].pk, kind=kind, value=value)
    invalidate_user(user.pk)


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


# --- The cache ---------------------------------------------------------------------------------------


def test_the_same_list_is_served_until_something_happens(cast):
    first, again = served(cast.alice), served(cast.alice)
    shorter = served(cast.alice, limit=2)

    assert first == again
    assert shorter["recommendation_id"] == first["recommendation_id"]
    assert shorter["items"] == first["items"][:2]
    assert served_lists().count() == 1


def test_a_cached_list_costs_no_query(cast):
    served(cast.alice)

    with CaptureQueriesContext(connection) as queries:
        served(cast.alice)

    assert len(queries) == 0


def test_a_served_list_is_logged_once_with_its_id(cast):
    answer = json.loads(services.recommendation_list(user=cast.alice, limit=3, request_id="req-1"))
    log = served_lists().get()

    assert str(log.pk) == answer["recommendation_id"]
    assert (log.user, log.model_version_id, log.request_id) == (cast.alice, cast.version.pk, "req-1")
    assert len(log.movie_ids) == len(log.scores) == 9
    assert log.movie_ids[:3] == [entry["movie"]["id"] for entry in answer["items"]]


@pytest.mark.parametrize(("who", "count"), [("alice", 13), ("carol", 11)])
def test_a_process_first_miss_has_a_fixed_number_of_queries(cast, monkeypatch, who, count):
    monkeypatch.setattr(movie_features, "BLOCK_SIZE", 1)
    with CaptureQueriesContext(connection) as queries:
        served(getattr(cast, who))

    # The database's state, experiments, rules, version with batch row, history, what the version is served with,
    # new movies, candidates' cards and directors, popular and the rest of the catalogue to fill up with, cards and
    # directors of those.
    # Carol's candidates are what is popular, which the fill then knows.
    assert len(queries) == count


def test_a_miss_with_cached_features_costs_three_queries(cast):
    for n in range(200):
        make_embedding(cast.version, make_movie(f"Extra {n}"), [0.1, 0.1, 0.1])
    MovieEmbedding.objects.update(rating_factors=[3.0, *[1.0] * (RATING_DIMENSIONS - 1)])
    for title in ("Toy Story", "Heat", "Babe"):
        act(cast, cast.alice, title, "rating", 4.5)
    features = feature_cache_for(catalogue_token())
    everything = Movie.objects.values_list("pk", flat=True)
    features.cards(everything)
    features.vectors(cast.version.pk).query_factors(everything)
    features.new_movies(cast.version.pk)
    features.serving(cast.version.pk)
    placement_for(cast.alice.pk)

    with CaptureQueriesContext(connection) as queries:
        items = served(cast.alice)["items"]
    assert len(items) == 100
    assert None not in [item["predicted_rating"] for item in items]

    # Version with batch row, history, nearest.
    assert len(queries) == 3


def test_another_persons_list_is_never_served(cast):
    alices = served(cast.alice)
    bobs = served(cast.bob)

    assert alices["recommendation_id"] != bobs["recommendation_id"]
    assert titles(alices) != titles(bobs)
    assert served(cast.alice) == alices


def test_an_event_drops_ones_own_list_and_nobody_elses(cast):
    alices, bobs = served(cast.alice), served(cast.bob)
    act(cast, cast.bob, "Heat", "like")

    assert served(cast.alice) == alices
    changed = served(cast.bob)
    assert changed["recommendation_id"] != bobs["recommendation_id"]
    assert titles(changed) != titles(bobs)


def test_a_new_version_or_a_hidden_movie_drops_every_list(cast, django_capture_on_commit_callbacks):
    first = served(cast.alice)
    version_tokens.invalidate_catalogue()
    second = served(cast.alice)
    with django_capture_on_commit_callbacks(execute=True):
        movies_hide(movie_ids=[cast["Heat"].pk])
    third = served(cast.alice)

    assert len({answer["recommendation_id"] for answer in (first, second, third)}) == 3
    assert "Heat" in titles(second)
    assert "Heat" not in titles(third)


def test_a_list_computed_during_an_event_is_not_served_after_it(cast, monkeypatch):
    """The event commits after the list was computed from the old state and before it is kept."""
    store = list_cache.store

    def keep_after_an_event(*args, **kwargs):
        act(cast, cast.bob, "Toy Story", "dislike")
        store(*args, **kwargs)

    with monkeypatch.context() as patched:
        patched.setattr(list_cache, "store", keep_after_an_event)
        stale = served(cast.bob)
    fresh = served(cast.bob)

    assert "Toy Story" in titles(stale)
    assert "Toy Story" not in titles(fresh)
    assert fresh["recommendation_id"] != stale["recommendation_id"]
    assert served(cast.bob) == fresh


def test_an_expired_token_does_not_revalidate_an_old_list(cast):
    act(cast, cast.bob, "Heat", "like")
    first = served(cast.bob)
    get_redis_connection("default").delete(user_token_key(cast.bob.pk))

    assert served(cast.bob)["recommendation_id"] != first["recommendation_id"]


@pytest.fixture
def _redis_away(monkeypatch):
    def away(alias: str):
        raise RedisConnectionError("gone")

    monkeypatch.setattr(list_cache, "get_redis_connection", away)
    monkeypatch.setattr(version_tokens, "get_redis_connection", away)
    yield
    version_tokens._pending.clear()


def test_a_hung_redis_is_waited_for_only_once(cast, monkeypatch):
    monkeypatch.setattr(list_cache, "lookup", lambda user_id, page, scenario: Lookup(lock_token=""))
    asked = []
    monkeypatch.setattr(gather, "catalogue_token", lambda: asked.append(None))

    assert served(cast.bob)["items"]
    assert asked == []


@pytest.mark.usefixtures("_redis_away")
def test_with_redis_away_lists_are_computed_and_change_at_once(cast):
    first = served(cast.bob)
    act(cast, cast.bob, "Heat", "like")
    second = served(cast.bob)

    assert len(first["items"]) == 9
    assert titles(second)[0] == "Casino"
    assert Interaction.objects.count() == 1


# --- Lists for everyone ------------------------------------------------------------------------------


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
