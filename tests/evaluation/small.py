"""A small made-up MovieLens: two tastes that share nothing, so that right lists are known."""

from pathlib import Path

import numpy as np

from tests.archives import write_zip

PEOPLE = 40
MOVIES = 40
# 2000-01-01 and a day between two ratings of one person.
START = 946_684_800
DAY = 86_400
WORDS = ("spaceship robot galaxy laser planet", "wedding kiss letter summer garden")
GENRES = ("Action|Sci-Fi", "Drama|Romance")


def lines_of(seed: int = 0, people: int = PEOPLE, movies: int = MOVIES) -> list[tuple[int, int, int, int]]:
    """(user, movie, rating, timestamp): even people like even movies, odd ones odd movies; a few dislikes across."""
    rng = np.random.default_rng(seed)
    rows = []
    for user in range(1, people + 1):
        own = [movie for movie in range(1, movies + 1) if movie % 2 == user % 2]
        other = [movie for movie in range(1, movies + 1) if movie % 2 != user % 2]
        liked = rng.choice(own, len(own) * 2 // 3, replace=False)
        for place, movie in enumerate(liked.tolist()):
            rows.append((user, movie, int(rng.integers(4, 6)), START + (user + place * 3) * DAY))
        rows.extend((user, movie, 1, START + user * DAY) for movie in rng.choice(other, 2, replace=False).tolist())
    return rows


def movielens_zip(parent: Path, name: str = "ml-tiny", **size: int) -> Path:
    """The made-up data in the layout of ML-1M."""
    rows = lines_of(**size)
    ratings = "".join(f"{user}::{movie}::{rating}::{time}\n" for user, movie, rating, time in rows)
    movies = "".join(
        f"{movie}::Film {movie} (19{50 + movie % 50})::{GENRES[movie % 2]}\n"
        for movie in range(1, size.get("movies", MOVIES) + 1)
    )
    return write_zip(parent, name, {"movies.dat": movies.encode(), "ratings.dat": ratings.encode()})


def metadata_csv(parent: Path, movies: int = MOVIES) -> Path:
    """Texts of the movies: one vocabulary for each taste."""
    path = parent / "metadata.csv"
    rows = [f'{movie},"A film of {WORDS[movie % 2]}.",Actor {movie % 6}' for movie in range(1, movies + 1)]
    path.write_text("movielens_id,overview,cast\n" + "\n".join(rows) + "\n")
    return path


def fold_zip(parent: Path) -> Path:
    """The likes of the made-up data as a published fold: every fifth of a person's likes is test."""
    likes = [(user, movie) for user, movie, rating, _ in lines_of() if rating >= 4]
    test = likes[::5]
    train = sorted(set(likes) - set(test))
    files = {
        name: "".join(f"{user}\t{movie}\n" for user, movie in part).encode()
        for name, part in (("train.tsv", train), ("test.tsv", test))
    }
    return write_zip(parent, "tiny-fold", files)
