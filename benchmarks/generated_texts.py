"""Texts of generated movies: a title, genres and a short overview that say something about who likes them."""

from itertools import product

import numpy as np
from numpy.typing import NDArray

GENRES = (
    "Action",
    "Adventure",
    "Animation",
    "Comedy",
    "Crime",
    "Documentary",
    "Drama",
    "Fantasy",
    "Horror",
    "Musical",
    "Mystery",
    "Romance",
    "Thriller",
    "War",
    "Western",
)
_SYLLABLES = ("ba", "de", "ki", "lo", "mu", "na", "pe", "ri", "so", "tu", "va", "zen")
# Words that only movies of one subject use, and those that all use.
_WORDS_EACH, _COMMON = 40, 300
# Of an overview: about its subjects, and common ones.
_OWN, _OTHER = 8, 10


def movie_texts(
    latent: NDArray[np.float64], subjects: NDArray[np.float64], seed: int = 0
) -> tuple[list[str], list[str], NDArray[np.bool_]]:
    """Titles, overviews and whether each movie is of each of the GENRES, (movies, genres).

    latent: of the movies, (movies, k); subjects: directions in the same space, (subjects, k).
    """
    rng = np.random.default_rng([seed, 2])
    near = latent @ subjects.T
    first = np.argsort(-near, axis=1)[:, :2]
    vocabulary = np.array(["".join(parts) for parts in product(_SYLLABLES, repeat=4)])
    vocabulary = rng.permutation(vocabulary)[: _COMMON + _WORDS_EACH * len(subjects)]
    subject = np.take_along_axis(first, rng.integers(2, size=(len(latent), _OWN)), axis=1)
    own = _COMMON + subject * _WORDS_EACH + rng.integers(_WORDS_EACH, size=subject.shape)
    words = rng.permuted(np.concatenate([own, rng.integers(_COMMON, size=(len(latent), _OTHER))], axis=1), axis=1)
    overviews = [" ".join(row).capitalize() + "." for row in vocabulary[words].tolist()]
    titles = [f"{one.capitalize()} {two} {n}" for n, (one, two) in enumerate(vocabulary[own[:, :2]].tolist())]
    directions = rng.standard_normal((latent.shape[1], len(GENRES)))
    match = latent @ directions / np.linalg.norm(directions, axis=0)
    genres = match >= np.maximum(np.minimum(1.3, match.max(axis=1)), np.sort(match, axis=1)[:, -3])[:, None]
    return titles, overviews, genres
