"""Neighbours of a movie with what connects them, and the people who would like it."""

import pytest

from accounts.models import User
from events.models import Interaction, Rating
from movies.models import Credit, Movie, Person
from recommendations.discovery.audience import audience_of
from recommendations.discovery.connections import neighbours_of
from recommendations.models import MovieEmbedding
from tests.factories import make_batch_list, make_user


def liked(user, *movies):
    Rating.objects.bulk_create(Rating(user=user, movie=movie, value=4.5) for movie in movies)


def test_neighbours_say_what_they_share(cast):
    mann = Person.objects.create(name="Michael Mann")
    for title in ("Heat", "Casino"):
        Credit.objects.create(movie=cast[title], person=mann, role="director")
    Movie.objects.filter(pk=cast["Heat"].pk).update(keywords=["heist", "police"])
    Movie.objects.filter(pk=cast["Casino"].pk).update(keywords=["Heist"])

    first, second, *others = neighbours_of(movie=cast["Heat"])

    assert (first.title, first.genres, first.people, first.keywords) == (
        "Casino",
        ("Crime",),
        ("Michael Mann",),
        ("heist",),
    )
    assert (second.title, second.people, second.keywords) == ("Goodfellas", (), ())
    assert first.similarity > second.similarity > others[0].similarity
    assert first.content == pytest.approx(1.0)
    assert cast["Heat"].pk not in {neighbour.movie_id for neighbour in (first, second, *others)}


def test_a_movie_without_factors_has_neighbours_by_content(cast):
    MovieEmbedding.objects.filter(movie=cast["Heat"]).update(query_factors=None, item_factors=None)

    first = neighbours_of(movie=cast["Heat"])[0]

    assert (first.title, first.taste) == ("Casino", None)


def test_without_vectors_there_are_no_neighbours(cast):
    MovieEmbedding.objects.filter(movie=cast["Heat"]).delete()

    assert neighbours_of(movie=cast["Heat"]) is None
    assert audience_of(movie=cast["Heat"]) is None


def test_people_who_like_its_neighbours_would_like_it(cast):
    liked(cast.alice, cast["Casino"])
    liked(cast.bob, cast["Casino"], cast["Goodfellas"])
    Interaction.objects.create(user=cast.carol, movie=cast["Goodfellas"], kind="like")

    found = audience_of(movie=cast["Heat"])

    # Her nightly list has it; the others follow by what they liked.
    assert [(fan.user_id, fan.place) for fan in found] == [
        (cast.alice.pk, 1),
        (cast.bob.pk, None),
        (cast.carol.pk, None),
    ]
    assert found[1].liked == ("Casino (1991)", "Goodfellas (1992)")


def test_who_has_seen_it_or_is_paused_is_left_out(cast):
    for person in (cast.alice, cast.bob, cast.carol):
        liked(person, cast["Casino"])
    liked(cast.alice, cast["Heat"])
    Interaction.objects.create(user=cast.bob, movie=cast["Heat"], kind="hide")
    User.objects.filter(pk=cast.carol.pk).update(personalisation=False)

    assert audience_of(movie=cast["Heat"]) == []


def test_the_audience_is_bounded(cast, django_assert_max_num_queries):
    for _ in range(5):
        liked(make_user(), cast["Casino"])
    person = make_user()
    liked(person, cast["Casino"])
    make_batch_list(cast.version, person, {cast["Heat"]: 0.5})

    with django_assert_max_num_queries(8):
        found = audience_of(movie=cast["Heat"], limit=3)

    assert len(found) == 3
    assert found[0].user_id == person.pk
