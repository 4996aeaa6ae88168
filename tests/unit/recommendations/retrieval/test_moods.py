"""How well movies fit a mood: genres, tags, keywords and decades, then the cosine of texts."""

import numpy as np
import pytest

from events.models import Tag
from movies.lexicon import senses_in
from recommendations.models import CONTENT_DIMENSIONS
from recommendations.retrieval.moods import mood_fits
from recommendations.vectors.text_query import TextMeaning
from tests.factories import make_embedding, make_movie, make_user, make_version

EAST = np.eye(1, CONTENT_DIMENSIONS, dtype=np.float32)[0]


@pytest.fixture
def version(db):
    return make_version()


def meaning(version, mood: str) -> TextMeaning:
    return TextMeaning(version.pk, EAST, "", tuple(senses_in(mood.split())[0]))


def test_without_a_vector_no_movie_fits(version):
    movie = make_movie("Airplane!", 1980, ["Comedy"])

    assert mood_fits(TextMeaning(version.pk, None, "unknown"), [movie.pk]) == {}


def test_a_mood_that_the_lexicon_does_not_have_is_the_cosine(version):
    near, far = make_movie(), make_movie()
    make_embedding(version, near, None, content=(1.0,))
    make_embedding(version, far, None, content=(-1.0,))

    fits = mood_fits(meaning(version, "robots"), [near.pk, far.pk])

    assert fits == pytest.approx({near.pk: 1.0, far.pk: -1.0})


def test_a_genre_counts_more_than_a_word_of_a_title(version):
    comedy = make_movie("Airplane!", 1980, ["Comedy"])
    named = make_movie("Funny Games", 1997, ["Horror"])
    make_embedding(version, named, None, content=(1.0,))

    fits = mood_fits(meaning(version, "funny"), [comedy.pk, named.pk])

    assert fits[comedy.pk] > fits[named.pk]


def test_tags_and_keywords_count_in_any_case(version):
    plain, tagged, keyed = (make_movie(None, 1990, ["Comedy"], keywords=words) for words in ([], [], ["FUNNY"]))
    Tag.objects.create(user=make_user(), movie=tagged, text="Hilarious")

    fits = mood_fits(meaning(version, "funny"), [plain.pk, tagged.pk, keyed.pk])

    assert fits[tagged.pk] == fits[keyed.pk] > fits[plain.pk] > 0


def test_one_of_many_genres_counts_less(version):
    pure, mixed = make_movie(None, 1990, ["Comedy"]), make_movie(None, 1990, ["Comedy", "War", "Drama"])

    fits = mood_fits(meaning(version, "funny"), [pure.pk, mixed.pk])

    assert fits[pure.pk] > fits[mixed.pk]


def test_a_decade_counts_and_a_missing_year_does_not(version):
    old, new, unknown = make_movie(year=1942), make_movie(year=2004), make_movie(year=None)

    fits = mood_fits(meaning(version, "old"), [old.pk, new.pk, unknown.pk])

    assert fits[old.pk] > fits[new.pk] == fits[unknown.pk] == 0


@pytest.mark.parametrize("mood", ["funny", "slow sad black and white", "mind bending", "old", "robots"])
def test_fits_are_at_most_1_and_only_of_the_movies_asked(version, mood):
    movies = [make_movie(None, 1940, ["Comedy", "Drama"], keywords=["funny", "sad"]), make_movie(None, None)]
    other = make_movie(None, 1990, ["Comedy"])
    for movie in (*movies, other):
        make_embedding(version, movie, None)

    fits = mood_fits(meaning(version, mood), [movie.pk for movie in movies])

    assert other.pk not in fits
    assert all(-1 <= fit <= 1 for fit in fits.values())


def test_no_movies_have_no_fits(version):
    assert mood_fits(meaning(version, "funny"), []) == {}


def test_the_number_of_queries_does_not_grow_with_the_movies(version, django_assert_num_queries):
    movies = [make_movie(None, 1990, ["Comedy"]).pk for _ in range(5)]

    with django_assert_num_queries(4):
        mood_fits(meaning(version, "funny sad"), movies)
