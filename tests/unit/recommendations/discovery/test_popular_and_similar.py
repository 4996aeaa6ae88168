"""Lists that need nobody: popular movies, and movies like one."""

import pytest
from django.core.exceptions import ValidationError

from movies.models import Movie
from recommendations.discovery.popular import popular_list
from recommendations.discovery.similar import similar_list
from tests.factories import make_embedding, make_movie


def test_popular_is_ranked_from_one_over_what_is_published(cast):
    Movie.objects.filter(title="Alien").update(status=Movie.Status.HIDDEN)
    answer = popular_list(limit=2)

    assert [(entry["rank"], entry["movie"]["title"]) for entry in answer] == [(1, "Toy Story"), (2, "Heat")]
    assert [entry["movie"]["title"] for entry in popular_list(genre="family", limit=9)] == [
        "Toy Story",
        "Babe",
        "Aladdin",
    ]


def test_popular_of_an_unknown_genre_is_an_error(cast):
    with pytest.raises(ValidationError) as refused:
        popular_list(genre="nope", limit=5)

    assert list(refused.value.message_dict) == ["genre"]


def test_similar_movies_share_the_kind_and_leave_out_the_movie(cast):
    answer = similar_list(movie_id=cast["Heat"].pk, limit=3)

    assert {entry["movie"]["title"] for entry in answer[:2]} == {"Casino", "Goodfellas"}
    assert len(answer) == 3
    scores = [entry["score"] for entry in answer]
    assert scores == sorted(scores, reverse=True)


def test_similar_falls_back_to_content_then_to_popular_in_genre(cast):
    new = make_movie("New Crime", genres=["Crime"])
    without_model = [entry["movie"]["title"] for entry in similar_list(movie_id=new.pk, limit=3)]
    make_embedding(cast.version, new, None, content=[1.0])
    by_content = {entry["movie"]["title"] for entry in similar_list(movie_id=new.pk, limit=3)}

    assert without_model == ["Heat", "Casino", "Goodfellas"]
    assert by_content == {"Heat", "Casino", "Goodfellas"}


def test_similar_leaves_out_and_does_not_accept_a_hidden_movie(cast):
    Movie.objects.filter(title="Casino").update(status=Movie.Status.HIDDEN)

    answer = similar_list(movie_id=cast["Heat"].pk, limit=100)
    assert "Casino" not in [entry["movie"]["title"] for entry in answer]
    assert len(answer) == 7
    with pytest.raises(Movie.DoesNotExist):
        similar_list(movie_id=cast["Casino"].pk)
