"""Exploration: which new movies are inserted, where, and how they are reported."""

from datetime import timedelta

import pytest
from django.utils import timezone

from events.services import interaction_record
from movies.models import Movie
from movies.services import movies_hide
from recommendations.models import ModelVersion, MovieEmbedding
from recommendations.retrieval import movie_features
from recommendations.serving.exploration import new_movie_positions
from tests.factories import client_of, make_embedding, make_movie, make_popular, make_user, make_version
from tests.served import served_lists

URL = "/api/recommendations/"
CRIME, FAMILY = (1.0, 0.05), (0.05, 1.0)


@pytest.fixture
def many(db, shared_rows):
    return shared_rows


@pytest.fixture(scope="module")
def shared_rows(module_db):
    """Eighty movies with learned factors, half crime, half family; somebody liked the ten least popular of crime."""
    version = make_version()
    movies = [make_movie(f"Old {n}", genres=["Crime" if n % 2 else "Family"]) for n in range(80)]
    for n, movie in enumerate(movies):
        make_embedding(version, movie, [(1 - n / 100) * part for part in (CRIME if n % 2 else FAMILY)])
    make_popular(movies)
    fan = make_user()
    for movie in movies[61::2]:
        interaction_record(user=fan, movie_id=movie.pk, kind="like")
    return version, movies, fan


def make_new(version: ModelVersion, title: str, factors, days: float = 1, genre: str = "Crime", **fields) -> Movie:
    """A movie added this many days ago, with predicted factors."""
    movie = make_movie(title, genres=[genre], created_at=timezone.now() - timedelta(days=days), **fields)
    make_embedding(version, movie, factors)
    MovieEmbedding.objects.filter(movie=movie).update(factors_source=MovieEmbedding.Source.PREDICTED)
    return movie


def ask(user, **query):
    movie_features.clear_cache()
    response = client_of(user).get(URL, {"limit": 100, "exclude": 10**9, **query})
    assert response.status_code == 200, response.content
    return response.json()


def titles(answer) -> list[str]:
    return [item["movie"]["title"] for item in answer["items"]]


@pytest.mark.parametrize("count", range(-1, 30))
def test_positions_are_distinct_and_below_the_first_three(count):
    found = new_movie_positions(count)

    assert len(set(found)) == len(found) == min(max(count, 0), 14)
    assert found == sorted(found)
    assert all(3 <= place < 20 for place in found)


def test_the_best_new_movie_is_tenth_and_logged_as_explored(many):
    version, _, fan = many
    make_new(version, "New family", (0.02, 0.03))
    best = make_new(version, "New crime", (0.06, 0.01))

    answer = ask(fan)

    assert titles(answer)[9] == "New crime"
    item = answer["items"][9]
    assert item["explored"] is True
    assert item["reason"] == {"code": "new", "text": "New this week"}
    assert [other["movie"]["title"] for other in answer["items"] if "explored" in other] == ["New crime"]
    served = served_lists().get(pk=answer["recommendation_id"])
    assert served.explored == [best.pk]
    assert served.movie_ids == [item["movie"]["id"] for item in answer["items"]]


def test_only_the_explored_movie_changes_its_place(many, settings):
    version, _, fan = many
    make_new(version, "New crime", (0.06, 0.01))
    explored = titles(ask(fan))
    settings.EXPLORATION_PLACES = 0

    without = titles(ask(fan))

    assert "New crime" not in without[:20]
    assert sorted(without) == sorted(explored)
    assert [title for title in explored if title != "New crime"] == [t for t in without if t != "New crime"]


def test_a_setting_of_0_turns_exploration_off(many, settings):
    version, _, fan = many
    make_new(version, "New crime", (0.06, 0.01))
    settings.EXPLORATION_PLACES = 0

    answer = ask(fan, explain="true")

    assert not any("explored" in item for item in answer["items"])
    assert served_lists().get().explored == []
    assert answer["explanation"]["exploration"] == {"places": 0, "new_movies": 0, "movies": []}


def test_several_positions_take_the_best_new_movies(many, settings):
    version, _, fan = many
    settings.EXPLORATION_PLACES = 3
    made = [make_new(version, f"New {n}", (0.02 + n / 100, 0.01)) for n in range(4)]

    answer = ask(fan, explain="true")

    assert [titles(answer)[place] for place in (5, 9, 13)] == ["New 3", "New 2", "New 1"]
    explored = answer["explanation"]["exploration"]
    assert explored == {"places": 3, "new_movies": 4, "movies": [made[3].pk, made[2].pk, made[1].pk]}


def test_a_full_list_stays_as_long_as_it_was(many):
    version, _, fan = many
    make_popular([make_movie(f"More {n}") for n in range(100)], "More")
    make_new(version, "New crime", (0.06, 0.01))

    shown = titles(ask(fan))

    assert len(shown) == len(set(shown)) == 100
    assert shown[9] == "New crime"


def test_a_new_movie_that_ranks_at_the_top_is_not_explored(many):
    version, _, fan = many
    make_new(version, "Hit", (2.0, 0.1))

    answer = ask(fan)

    assert "Hit" in titles(answer)[:3]
    assert not any("explored" in item for item in answer["items"])


@pytest.mark.parametrize(
    ("days", "text"), [(6.9, "New this week"), (7.1, "New here"), (29.9, "New here"), (30.1, None), (400, None)]
)
def test_how_long_a_movie_is_new(many, days, text):
    version, _, fan = many
    make_new(version, "New crime", (0.06, 0.01), days=days)

    texts = [item["reason"]["text"] for item in ask(fan)["items"] if item.get("explored")]

    assert texts == ([text] if text else [])


@pytest.mark.parametrize("days", [10**7, 1e300, float("inf")])
def test_exploration_days_can_be_unlimited(many, settings, days):
    version, _, fan = many
    settings.EXPLORATION_DAYS = days
    make_new(version, "New crime", (0.06, 0.01), days=4000)

    assert titles(ask(fan))[9] == "New crime"


def test_learned_unpublished_or_not_live_movies_are_not_explored(many):
    version, _, fan = many
    learned = make_new(version, "Learned", (0.06, 0.01))
    MovieEmbedding.objects.filter(movie=learned).update(factors_source=MovieEmbedding.Source.TRAINED)
    make_new(make_version(status=ModelVersion.Status.READY), "Not live", (0.06, 0.01))
    make_new(version, "Draft", (0.06, 0.01), status=Movie.Status.DRAFT)

    assert not any("explored" in item for item in ask(fan)["items"])


def test_movies_added_before_the_first_training_are_not_new(many):
    version, _, fan = many
    make_new(version, "Always there", (0.06, 0.01), days=2)
    make_new(version, "Came later", (0.05, 0.01), days=0.5)
    ModelVersion.objects.filter(pk=version.pk).update(started_at=timezone.now())
    make_version(status=ModelVersion.Status.RETIRED, started_at=timezone.now() - timedelta(days=1))

    assert [item["movie"]["title"] for item in ask(fan)["items"] if "explored" in item] == ["Came later"]


@pytest.mark.parametrize("kind", ["like", "hide", "dislike", "watch"])
def test_seen_or_hidden_movies_are_not_explored(many, kind):
    version, _, fan = many
    new = make_new(version, "New crime", (0.06, 0.01))
    interaction_record(user=fan, movie_id=new.pk, kind=kind)

    assert "New crime" not in titles(ask(fan))


def test_a_movie_hidden_a_moment_ago_is_not_explored(many, django_capture_on_commit_callbacks):
    version, _, fan = many
    new = make_new(version, "New crime", (0.06, 0.01))
    assert titles(ask(fan))[9] == "New crime"

    with django_capture_on_commit_callbacks(execute=True):
        movies_hide(movie_ids=[new.pk])

    answer = client_of(fan).get(URL, {"limit": 100}).json()
    assert "New crime" not in titles(answer)


def test_filters_and_exclusions_hold_for_new_movies(many):
    version, _, fan = many
    family = make_new(version, "New family", (0.06, 0.03), genre="Family")
    make_new(version, "New crime", (0.05, 0.01))

    assert titles(ask(fan))[9] == "New family"
    assert titles(ask(fan, genre="crime"))[9] == "New crime"
    assert titles(ask(fan, exclude=family.pk))[9] == "New crime"


def test_a_new_movie_with_a_negative_score_is_not_explored(many):
    version, _, fan = many
    make_new(version, "Opposite", (-0.06, -0.01))

    assert not any("explored" in item for item in ask(fan)["items"])


def test_a_cold_user_is_shown_the_newest(many):
    version, _, _ = many
    make_new(version, "Newer", (0.01, 0.01), days=1)
    make_new(version, "Older", (0.9, 0.9), days=3)

    assert titles(ask(make_user()))[9] == "Newer"


def test_the_group_cap_also_applies_to_new_movies(many, settings):
    version, _, fan = many
    settings.RERANKING = {"diversity": 0.0, "group_cap": 1}
    make_new(version, "Space War 1", (3.0, 0.1), days=40)
    make_new(version, "Space War 2", (0.06, 0.01))
    make_new(version, "Quiet", (0.05, 0.01))

    assert titles(ask(fan))[9] == "Quiet"


def test_the_same_request_has_the_same_items(many):
    version, _, fan = many
    for n in range(5):
        make_new(version, f"New {n}", (0.05, 0.01))

    assert titles(ask(fan)) == titles(ask(fan))


def test_cached_new_movies_cost_no_query(many, django_assert_num_queries):
    version, _, fan = many
    make_new(version, "New crime", (0.06, 0.01))
    ask(fan)

    # Who asks, the model with the nightly list and what was done, the search, any other movies since
    # there are fewer than a list holds.
    with django_assert_num_queries(4):
        assert titles(client_of(fan).get(URL, {"exclude": 10**9}).json())[9] == "New crime"
