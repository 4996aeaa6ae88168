"""Rows for tests, made by plain functions: say what matters to the test, the rest has a value that works."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import count

from django.utils import timezone
from django.utils.text import slugify
from rest_framework.test import APIClient

from accounts.clients.scopes import Scope
from accounts.clients.services import client_get_or_create, key_create
from accounts.models import GroupMember, User, WatchGroup
from accounts.tokens import AccessToken
from movies.models import Genre, Movie
from recommendations.models import (
    CONTENT_DIMENSIONS,
    ITEM_DIMENSIONS,
    QUERY_DIMENSIONS,
    RATING_DIMENSIONS,
    BatchRecommendation,
    ModelVersion,
    MovieEmbedding,
    PopularMovie,
)

PASSWORD = "correct horse battery"
_numbers = count(1)


def make_user(email: str | None = None, **fields) -> User:
    """Someone who can sign in with PASSWORD."""
    return User.objects.create_user(email or f"person{next(_numbers)}@example.org", PASSWORD, **fields)


def make_imported_user(dataset: str = "ml-test", dataset_user_id: int | None = None) -> User:
    """Someone who came with a data set and cannot sign in."""
    return User.objects.create(dataset=dataset, dataset_user_id=dataset_user_id or next(_numbers), password="!")


def make_genre(name: str) -> Genre:
    return Genre.objects.get_or_create(name=name, defaults={"slug": slugify(name)})[0]


def make_movie(title: str | None = None, year: int | None = 1995, genres: Sequence[str] = (), **fields) -> Movie:
    """A published movie."""
    movie = Movie.objects.create(title=title or f"Movie {next(_numbers)}", year=year, **fields)
    movie.genres.set([make_genre(name) for name in genres])
    return movie


def make_version(status: str = ModelVersion.Status.LIVE, **fields) -> ModelVersion:
    return ModelVersion.objects.create(status=status, algorithm="hand-written", **fields)


def padded(values: Sequence[float], dimensions: int) -> list[float]:
    """``values`` followed by zeros."""
    return [*values, *[0.0] * (dimensions - len(values))]


def embedding(
    version: ModelVersion,
    movie: Movie,
    factors: Sequence[float] | None,
    *,
    query: Sequence[float] | None = None,
    content: Sequence[float] = (1.0,),
    rating: Sequence[float] | None = None,
) -> MovieEmbedding:
    """Vectors of a movie, not saved, given by their first entries; ``query`` is like ``factors`` unless given."""
    query = factors if query is None else query
    return MovieEmbedding(
        version=version,
        movie=movie,
        content=padded(content, CONTENT_DIMENSIONS),
        item_factors=None if factors is None else padded(factors, ITEM_DIMENSIONS),
        query_factors=None if query is None else padded(query, QUERY_DIMENSIONS),
        rating_factors=None if rating is None else padded(rating, RATING_DIMENSIONS),
    )


def make_embedding(version: ModelVersion, movie: Movie, factors: Sequence[float] | None, **vectors) -> MovieEmbedding:
    """The same, saved."""
    made = embedding(version, movie, factors, **vectors)
    made.save()
    return made


def make_batch_list(version: ModelVersion, user: User, scores: Mapping[Movie, float]) -> BatchRecommendation:
    """A person's nightly list, best first."""
    best = sorted(scores.items(), key=lambda pair: -pair[1])
    return BatchRecommendation.objects.create(
        version=version, user=user, movie_ids=[movie.pk for movie, _ in best], scores=[score for _, score in best]
    )


def make_popular(movies: Sequence[Movie], genre: str | None = None) -> None:
    """The popular movies of everyone or of a genre, best first, with scores n, n-1, … 1."""
    PopularMovie.objects.bulk_create(
        PopularMovie(
            genre=make_genre(genre) if genre else None, movie=movie, rank=rank, score=float(len(movies) - rank + 1)
        )
        for rank, movie in enumerate(movies, start=1)
    )


def some_movie() -> Movie:
    """A published movie: one that is there, so that a test beside others adds none to their lists; else a new one."""
    return Movie.objects.filter(status=Movie.Status.PUBLISHED).order_by("pk").first() or make_movie()


def some_popular(count: int) -> None:
    """Makes movies that are popular with everyone, unless others are."""
    if not PopularMovie.objects.filter(genre=None).exists():
        make_popular([make_movie() for _ in range(count)])


def make_key(client: str = "shop", scopes: Sequence[str] | None = None, **fields) -> str:
    """The text of a new key of the client application of this name; with all scopes unless given."""
    scopes = Scope.values if scopes is None else scopes
    return key_create(client=client_get_or_create(name=client), scopes=scopes, **fields)[1]


def client_with_key(key: str) -> APIClient:
    """An API client of a client application, with its key."""
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Api-Key {key}")
    return client


def make_group(*users: User) -> str:
    """The id of a group of these people, all of whom have accepted; the first one made it."""
    group, now = WatchGroup.objects.create(), timezone.now()
    GroupMember.objects.bulk_create(
        GroupMember(group=group, email=user.email, user=user, position=position, accepted_at=now)
        for position, user in enumerate(users)
    )
    return str(group.pk)


def client_of(user: User | None = None) -> APIClient:
    """An API client with a token of ``user``, or without one."""
    client = APIClient()
    if user is not None:
        client.credentials(HTTP_AUTHORIZATION=f"Bearer {AccessToken.for_user(user)}")
    return client


@dataclass(frozen=True)
class Cast:
    """A fixed small cast under one live version.

    Nine movies in three groups that share a factor each: crime, family and science fiction. Alice is known to the
    nightly batch (crime first); Bob and Carol have done nothing yet; Stan is staff.
    """

    alice: User
    bob: User
    carol: User
    stan: User
    version: ModelVersion
    movies: dict[str, Movie]

    def __getitem__(self, title: str) -> Movie:
        return self.movies[title]


GROUPS = {
    "Crime": ["Heat", "Casino", "Goodfellas"],
    "Family": ["Toy Story", "Babe", "Aladdin"],
    "Sci-Fi": ["Alien", "Aliens", "Blade Runner"],
}


# Each after those that its rows name.
CAST_TABLES = [
    ModelVersion,
    Movie,
    Genre,
    Movie.genres.through,
    MovieEmbedding,
    PopularMovie,
    User,
    BatchRecommendation,
]


def make_cast() -> Cast:
    """The cast above; the popular list is Toy Story, Alien, Heat, then the rest group by group."""
    version = make_version()
    movies = {
        title: Movie(title=title, year=1990 + place) for titles in GROUPS.values() for place, title in enumerate(titles)
    }
    Movie.objects.bulk_create(movies.values())
    embeddings = []
    for axis, (name, titles) in enumerate(GROUPS.items()):
        make_genre(name).movies.set([movies[title] for title in titles])
        for place, title in enumerate(titles):
            factors = [0.05, 0.05, 0.05]
            factors[axis] = 1.0 - 0.2 * place
            content = [float(axis == n) for n in range(3)]
            embeddings.append(embedding(version, movies[title], factors, content=content))
    MovieEmbedding.objects.bulk_create(embeddings)
    first = ["Toy Story", "Alien", "Heat"]
    make_popular([movies[title] for title in [*first, *(title for title in movies if title not in first)]])
    for genre, titles in GROUPS.items():
        make_popular([movies[title] for title in titles], genre)
    alice = make_user("alice@example.org")
    make_batch_list(
        version, alice, {movies["Heat"]: 0.9, movies["Casino"]: 0.6, movies["Alien"]: 0.4, movies["Babe"]: 0.1}
    )
    return Cast(
        alice=alice,
        bob=make_user("bob@example.org"),
        carol=make_user("carol@example.org"),
        stan=make_user("stan@example.org", is_staff=True, is_superuser=True),
        version=version,
        movies=movies,
    )
