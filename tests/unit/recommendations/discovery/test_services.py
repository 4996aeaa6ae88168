"""What anyone finds: by searching, by what is trending, by what is new, over the API."""

import hashlib
import sys
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from events.models import Interaction, Rating
from events.services import interaction_record
from movies.models import Credit, Movie, Person
from movies.services import movies_hide, movies_publish
from recommendations.algorithms.content.sentence_encoder import SentenceEncoder
from recommendations.algorithms.pipeline.trained_model import ENCODER_FILE
from recommendations.training import services as training
from recommendations.vectors.artefacts import artefacts_folder
from recommendations.vectors.refresh import embeddings_refresh
from tests.factories import make_imported_user, make_movie

SEARCH = "/api/movies/search/"
TRENDING = "/api/recommendations/trending/"
LATEST = "/api/recommendations/latest/"


def credit(movie: Movie, name: str, position: int = 0) -> None:
    person, _ = Person.objects.get_or_create(name=name)
    Credit.objects.create(movie=movie, person=person, role="cast", position=position)


def titles(response) -> list[str]:
    assert response.status_code == 200, response.content
    return [item["movie"]["title"] for item in response.json()["items"]]


@pytest.fixture
def catalogue(db) -> dict[str, Movie]:
    movies = {
        "Toy Story": make_movie("Toy Story", 1995, ["Family"], overview="Toys come alive when nobody looks."),
        "Toy Story 2": make_movie("Toy Story 2", 1999, ["Family"], overview="Woody the toy is stolen by a collector."),
        "Troy": make_movie("Troy", 2004, ["War"], overview="The siege of a city and a wooden horse."),
        "Heat": make_movie("Heat", 1995, ["Crime"], overview="A thief plans a heist; a policeman hunts him."),
        "Ronin": make_movie("Ronin", 1998, ["Crime"], keywords=["car chase"], overview="Mercenaries after a case."),
    }
    make_movie("Twisted", 1996, ["Drama"], overview="A modern tale.")
    credit(movies["Heat"], "Al Pacino")
    credit(movies["Heat"], "Robert De Niro", 1)
    credit(movies["Ronin"], "Robert De Niro")
    return movies


@pytest.mark.parametrize(
    ("query", "first"),
    [
        ("toy story", "Toy Story"),
        ("toy stroy", "Toy Story"),
        ("TOY STORY 2", "Toy Story 2"),
        ("wooden horse", "Troy"),
        ("heist", "Heat"),
        ("heists", "Heat"),
        ("car chases", "Ronin"),
        ("al pacino", "Heat"),
        ("pacino", "Heat"),
        ("al pacno", "Heat"),
        ("robert de niro", "Ronin"),
        ("heist with a twist", "Heat"),
        ("a thief, a dog, a policeman", "Heat"),
        ("twist", "Twisted"),
        ('"alive come" OR mercenaries', "Ronin"),
    ],
)
def test_a_search_finds_first(catalogue, api_client, query, first):
    assert titles(api_client.get(SEARCH, {"q": query}))[0] == first


def test_a_refused_word_keeps_its_movies_out_of_the_words(catalogue, api_client):
    found = api_client.get(SEARCH, {"q": "toy -collector"}).json()["items"]

    matched = {item["movie"]["title"]: item["matched"] for item in found}
    assert "words" in matched["Toy Story"]
    assert "words" not in matched.get("Toy Story 2", [])


def test_filters_and_limit_hold(catalogue, api_client):
    assert titles(api_client.get(SEARCH, {"q": "robert de niro", "year_from": 1998})) == ["Ronin"]
    assert titles(api_client.get(SEARCH, {"q": "robert de niro", "year_to": 1997})) == ["Heat"]
    assert titles(api_client.get(SEARCH, {"q": "toy story", "genre": "crime"})) == []
    assert titles(api_client.get(SEARCH, {"q": "toy story", "limit": 1})) == ["Toy Story"]


def test_unpublished_movies_are_not_found(catalogue, api_client):
    Movie.objects.filter(title="Heat").update(status="hidden")

    assert "Heat" not in titles(api_client.get(SEARCH, {"q": "heat heist al pacino"}))


SIMILAR = "/api/movies/{}/similar/"
POPULAR = "/api/recommendations/popular/"


@pytest.mark.parametrize("where", ["search", "similar", "popular", "trending", "latest"])
def test_cached_lists_leave_out_a_movie_as_soon_as_it_is_hidden(committed_cast, api_client, where):
    liked = committed_cast["Heat"]
    interaction_record(user=committed_cast.bob, movie_id=liked.pk, kind="like", value=None)
    ask = {
        "search": (SEARCH, {"q": "heat"}),
        "similar": (SIMILAR.format(committed_cast["Casino"].pk), {}),
        "popular": (POPULAR, {}),
        "trending": (TRENDING, {}),
        "latest": (LATEST, {}),
    }[where]
    before = titles(api_client.get(*ask))
    with CaptureQueriesContext(connection) as kept:
        again = titles(api_client.get(*ask))
    movies_hide(movie_ids=[liked.pk])

    assert "Heat" in before == again
    assert len(kept) <= 2
    assert "Heat" not in titles(api_client.get(*ask))
    movies_publish(movie_ids=[liked.pk])
    assert "Heat" in titles(api_client.get(*ask))


def test_a_movie_just_hidden_has_no_similar_movies(committed_cast, api_client):
    url = SIMILAR.format(committed_cast["Casino"].pk)
    assert titles(api_client.get(url))
    movies_hide(movie_ids=[committed_cast["Casino"].pk])

    assert api_client.get(url).status_code == 404


@pytest.mark.parametrize("query", ["!!!", "'", ":* & | !", "a:b | (", "\\", "%_", "-", '"', "the", "😀", "x" * 200])
def test_odd_queries_are_answered(catalogue, api_client, query):
    assert api_client.get(SEARCH, {"q": query}).status_code == 200


@pytest.mark.parametrize(
    ("params", "field"),
    [
        ({}, "q"),
        ({"q": ""}, "q"),
        ({"q": "   "}, "q"),
        ({"q": "x" * 201}, "q"),
        ({"q": "a\x00b"}, "q"),
        ({"q": "a", "limit": 0}, "limit"),
        ({"q": "a", "limit": 101}, "limit"),
        ({"q": "a", "genre": "nothing"}, "genre"),
        ({"q": "a", "genre": "a\x00"}, "genre"),
        ({"q": "a", "year_from": "soon"}, "year_from"),
        ({"q": "a", "year_from": 10**9}, "year_from"),
        ({"q": "a", "year_from": 2000, "year_to": 1990}, "year_to"),
    ],
)
def test_a_bad_search_is_an_error_that_names_it(catalogue, api_client, params, field):
    response = api_client.get(SEARCH, params)

    assert response.status_code == 400
    assert list(response.json()["error"]["fields"]) == [field]


def test_with_a_model_meaning_is_found_without_the_words(world, api_client):
    training.training_run()
    Movie.objects.filter(pk=world.crime[3].pk).update(title="Untitled", overview="thief")

    found = api_client.get(SEARCH, {"q": "police"}).json()["items"]

    assert {item["movie"]["id"] for item in found} >= {movie.pk for movie in world.crime if movie != world.crime[3]}
    assert {"id": world.crime[3].pk, "matched": ["meaning"]} in [
        {"id": item["movie"]["id"], "matched": item["matched"]} for item in found
    ]
    assert not {item["movie"]["id"] for item in found} & {movie.pk for movie in world.family}


def test_without_the_models_files_the_text_still_answers(world, api_client, settings, tmp_path):
    training.training_run()
    settings.MODEL_DIR = tmp_path / "elsewhere"

    assert titles(api_client.get(SEARCH, {"q": "crime 3"}))[0] == "Crime 3"


def test_without_the_encoders_package_the_text_still_answers(world, api_client, settings, monkeypatch):
    version = training.training_run()
    path = artefacts_folder(version.pk) / ENCODER_FILE
    SentenceEncoder().save(path)
    version.artefacts[ENCODER_FILE] = hashlib.sha256(path.read_bytes()).hexdigest()
    version.save()
    monkeypatch.setitem(sys.modules, "sentence_transformers", None)
    make_movie("Crime 9", overview="a thief")

    assert titles(api_client.get(SEARCH, {"q": "crime 3"}))[0] == "Crime 3"
    assert embeddings_refresh() == 0


def test_a_movie_added_in_the_admin_is_found_after_the_sweep(committed_world, admin_client, api_client):
    training.training_run()
    crime = committed_world.crime[0].genres.get()
    form = {"title": "The Vault", "year": 2020, "status": "published", "genres": [crime.pk]}
    form |= {"overview": "a thief and police", "keywords": "", "language": "", "poster_url": "", "imdb_id": ""}
    for inline in ("credits", "certificates", "dataset_ids", "availability"):
        form |= {f"{inline}-TOTAL_FORMS": 0, f"{inline}-INITIAL_FORMS": 0}
    assert titles(api_client.get(LATEST))[0] != "The Vault"

    assert admin_client.post("/admin/movies/movie/add/", form).status_code == 302
    assert embeddings_refresh() == 1

    added = Movie.objects.get(title="The Vault")
    assert added.embeddings.get().factors_source == "predicted"
    assert "The Vault" in titles(api_client.get(f"/api/movies/{committed_world.crime[0].pk}/similar/"))
    assert "The Vault" in titles(api_client.get(SEARCH, {"q": "thief"}))
    similar = api_client.get(f"/api/movies/{added.pk}/similar/", {"limit": 4}).json()["items"]
    assert {item["movie"]["id"] for item in similar} <= {movie.pk for movie in committed_world.crime}
    assert titles(api_client.get(LATEST))[0] == "The Vault"


def test_what_more_people_than_usual_like_is_trending(cast, api_client, settings):
    settings.TRENDING_MIN_VOTES = settings.TRENDING_MIN_PEOPLE = 3
    now = timezone.now()
    people = [make_imported_user() for _ in range(6)]
    for n, person in enumerate(people):
        # Babe was always liked; Heat only now; what is disliked, or only viewed, never trends.
        for days in (10, 20, 30):
            interaction_record(
                user=person, movie_id=cast["Babe"].pk, kind="like", occurred_at=now - timedelta(days=days)
            )
        if n < 3:
            interaction_record(user=person, movie_id=cast["Heat"].pk, kind="watch", occurred_at=now - timedelta(days=n))
            interaction_record(user=person, movie_id=cast["Heat"].pk, kind="like", occurred_at=now - timedelta(days=n))
        interaction_record(user=person, movie_id=cast["Alien"].pk, kind="dislike", occurred_at=now)
        interaction_record(user=person, movie_id=cast["Casino"].pk, kind="view", occurred_at=now)
    interaction_record(user=people[0], movie_id=cast["Babe"].pk, kind="like", occurred_at=now)
    for person in people[4:]:
        interaction_record(user=person, movie_id=cast["Aliens"].pk, kind="rating", value=5, occurred_at=now)

    body = api_client.get(TRENDING, {"limit": 3}).json()

    assert body["basis"] == "now"
    assert [(item["movie"]["title"], item["reason"]["code"]) for item in body["items"]] == [
        ("Heat", "trending"),
        ("Aliens", "trending"),
        ("Toy Story", "popular"),
    ]
    assert [item["rank"] for item in body["items"]] == [1, 2, 3]


def test_an_imported_history_trends_at_its_own_end(cast, api_client, settings):
    settings.TRENDING_MIN_VOTES = settings.TRENDING_MIN_PEOPLE = 3
    end = datetime(2003, 2, 28, tzinfo=UTC)
    people = [make_imported_user() for _ in range(3)]
    Rating.objects.bulk_create(
        Rating(user=person, movie=cast["Heat"], value=4.5, rated_at=end - timedelta(days=n))
        for n, person in enumerate(people)
    )
    Rating.objects.create(user=people[0], movie=cast["Alien"], value=2, rated_at=end)
    Rating.objects.create(user=people[1], movie=cast["Babe"], value=5, rated_at=end - timedelta(days=300))

    body = api_client.get(TRENDING).json()

    assert (body["basis"], body["until"]) == ("history", "2003-02-28T00:00:00Z")
    assert [item["movie"]["title"] for item in body["items"] if item["reason"]["code"] == "trending"] == ["Heat"]


def test_with_no_feedback_what_is_popular_answers(cast, api_client):
    body = api_client.get(TRENDING, {"genre": "family", "limit": 2}).json()

    assert (body["basis"], body["until"]) == ("popular", None)
    assert [item["movie"]["title"] for item in body["items"]] == ["Toy Story", "Babe"]
    assert not Interaction.objects.exists()


def test_a_hidden_movie_leaves_the_shared_lists_at_once(committed_cast, api_client):
    before = titles(api_client.get(LATEST)), titles(api_client.get(TRENDING))
    assert all("Heat" in shown for shown in before)

    movies_hide(movie_ids=[committed_cast["Heat"].pk])

    assert "Heat" not in titles(api_client.get(LATEST))
    assert "Heat" not in titles(api_client.get(TRENDING))


def test_the_latest_are_by_day_added_and_then_by_year(db, api_client):
    today = timezone.now()
    make_movie("Old, added today", 1950, ["Drama"], created_at=today)
    make_movie("New, added today", 2020, created_at=today)
    make_movie("Newer, added last week", 2024, ["Drama"], created_at=today - timedelta(days=7))
    make_movie("Hidden", 2024, status="hidden", created_at=today)

    assert titles(api_client.get(LATEST)) == ["New, added today", "Old, added today", "Newer, added last week"]
    assert titles(api_client.get(LATEST, {"genre": "drama", "limit": 1})) == ["Old, added today"]


@pytest.mark.parametrize("url", [TRENDING, LATEST])
@pytest.mark.parametrize("params", [{"limit": 0}, {"limit": "many"}, {"genre": "nothing"}, {"genre": "\x00"}])
def test_a_bad_query_of_a_shared_list_names_its_field(cast, api_client, url, params):
    response = api_client.get(url, params)

    assert response.status_code == 400
    assert list(response.json()["error"]["fields"]) == list(params)
