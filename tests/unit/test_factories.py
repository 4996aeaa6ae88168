"""The cast that other tests stand on."""

from rest_framework.request import Request
from rest_framework.test import APIRequestFactory
from rest_framework_simplejwt.authentication import JWTAuthentication

from recommendations.models import BatchRecommendation, MovieEmbedding, PopularMovie
from tests.factories import client_of


def test_the_cast_has_vectors_lists_and_popular_movies(cast):
    assert MovieEmbedding.objects.filter(version=cast.version).count() == 9
    assert BatchRecommendation.objects.get(user=cast.alice).movie_ids[0] == cast["Heat"].pk
    assert PopularMovie.objects.get(genre=None, rank=1).movie == cast["Toy Story"]
    assert PopularMovie.objects.get(genre__slug="sci-fi", rank=1).movie == cast["Alien"]


def test_a_client_of_a_person_carries_their_token(cast):
    header = client_of(cast.bob)._credentials["HTTP_AUTHORIZATION"]
    request = Request(APIRequestFactory().get("/", HTTP_AUTHORIZATION=header))

    user, _ = JWTAuthentication().authenticate(request)

    assert user == cast.bob
