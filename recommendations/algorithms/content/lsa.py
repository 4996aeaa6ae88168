"""Content vectors of movies by LSA: TF-IDF followed by a truncated SVD."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from recommendations.algorithms.model_files import load_arrays, save_arrays

_KIND = "lsa"
# Movies that are encoded at once.
_BLOCK = 1024
_WORD = re.compile(r"[^\W_]{2,}")


@dataclass(frozen=True, slots=True)
class MovieContent:
    """The texts and metadata of one movie. ``movie_id`` is the external id."""

    movie_id: int
    title: str
    year: int | None = None
    overview: str = ""
    genres: tuple[str, ...] = ()
    people: tuple[str, ...] = ()
    keywords: tuple[str, ...] = ()


class ContentEncoder(Protocol):
    """Encodes movies' texts as vectors of ``dimensions`` numbers, each of unit length."""

    dimensions: int

    def fit(self, contents: Sequence[MovieContent]) -> Self:
        """Learn from the whole catalogue."""
        ...

    def transform(self, contents: Sequence[MovieContent]) -> NDArray[np.float32]:
        """Vectors of known or new movies, shape (movies, dimensions)."""
        ...

    def save(self, path: Path) -> None:
        """Write the encoder without pickle."""
        ...


def singular(word: str) -> str:
    """The word without the ending of an English plural (D. Harman, How effective is suffixing?, JASIS 1991)."""
    if len(word) < 4 or not word.endswith("s") or word.endswith(("ss", "us")):
        return word
    if word.endswith("ies"):
        return word if word.endswith(("eies", "aies")) else word[:-3] + "y"
    return word[:-1]


def _stop_words() -> frozenset[str]:
    # Only training needs scikit-learn, which is a quarter of what each process would import.
    from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS  # noqa: PLC0415

    return frozenset(ENGLISH_STOP_WORDS)


def _tokens(content: MovieContent, stop_words: Collection[str], singulars: bool = True) -> list[str]:
    """The tokens of a movie: words (singular if ``singulars``) and pairs of neighbouring words of the text, and each
    genre, person, keyword and decade as one token that differs from every word."""
    text = _WORD.findall(f"{content.title} {content.overview}".lower())
    words = [singular(word) if singulars else word for word in text if word not in stop_words]
    # A pair may be a name: often only the text names the director or writer.
    pairs = (
        f"{first} {second}" for first, second in pairwise(text) if first not in stop_words and second not in stop_words
    )
    named: Iterator[str] = (
        f"{field}:{' '.join(value.lower().split())}"
        for field, values in (("genre", content.genres), ("person", content.people), ("keyword", content.keywords))
        for value in values
    )
    decade = [f"decade:{content.year // 10 * 10}"] if content.year else []
    return [*words, *pairs, *named, *decade]


class LsaEncoder:
    """LSA over title, overview, genres, people, keywords and decade. It needs no download and is fast on a CPU.

    If a catalogue has fewer than ``dimensions`` independent directions, the rest is zero. A text without any known word
    is the zero vector.
    """

    def __init__(self, dimensions: int = 384, max_features: int = 60_000, random_state: int = 0) -> None:
        self.dimensions = dimensions
        self.max_features = max_features
        self.random_state = random_state
        # Encoders saved by earlier releases treat plurals as separate words.
        self._singulars = True
        self._stop_words: frozenset[str] = frozenset()
        # Each word's column, its weight, shape (words,), and the directions, shape (up to dimensions, words).
        self._vocabulary: dict[str, int] = {}
        self._idf: NDArray[np.float32] = np.zeros(0, np.float32)
        self._components: NDArray[np.float32] = np.zeros((0, 0), np.float32)

    def fit(self, contents: Sequence[MovieContent]) -> Self:
        """Learn vocabulary, word weights and directions; an empty catalogue gives an encoder of zeros."""
        from sklearn.feature_extraction.text import TfidfVectorizer  # noqa: PLC0415 -- as in _stop_words.

        self._vocabulary, self._idf, self._components = {}, np.zeros(0, np.float32), np.zeros((0, 0), np.float32)
        self._stop_words = _stop_words()
        stop_words = self._stop_words
        if not any(_tokens(content, stop_words) for content in contents):
            return self
        # A word that only one movie has relates it to no other; but in a tiny catalogue every word may be like that.
        repeated = len(contents) > 100
        vectorizer = TfidfVectorizer(
            # Tokens are made one movie at a time: those of a whole catalogue take 10 KB a movie.
            analyzer=lambda content: _tokens(content, stop_words),
            sublinear_tf=True,
            dtype=np.float32,
            min_df=2 if repeated else 1,
            max_features=self.max_features,
        )
        matrix = vectorizer.fit_transform(contents)
        self._vocabulary = {word: int(column) for word, column in vectorizer.vocabulary_.items()}
        self._idf = np.asarray(vectorizer.idf_, np.float32)
        self._components = self._directions(csr_array(matrix))
        return self

    def _directions(self, matrix: csr_array) -> NDArray[np.float32]:
        """The leading right singular vectors, shape (up to dimensions, words)."""
        smaller = min(matrix.shape)
        if smaller <= 2 * self.dimensions:
            # Exact: one of the two sides is small.
            _, S, Vt = np.linalg.svd(matrix.toarray(), full_matrices=False)
        else:
            from sklearn.utils.extmath import randomized_svd  # noqa: PLC0415 -- as in _stop_words.

            _, S, Vt = randomized_svd(matrix, self.dimensions, n_iter=4, random_state=self.random_state)
        rank = min(self.dimensions, np.count_nonzero(S / S[0] > 1e-6))
        # The sign of a singular vector is arbitrary: its largest entry is made positive.
        signs = np.sign(Vt[np.arange(len(Vt)), np.abs(Vt).argmax(axis=1)])
        return np.asarray(Vt[:rank] * signs[:rank, None], np.float32)

    def _weights(self, documents: Sequence[Sequence[str]]) -> csr_array:
        """The TF-IDF of tokens, shape (documents, words), float32, rows of unit length or zero.

        The same as TfidfVectorizer's in ``fit``, without scikit-learn: web processes encode searches.
        """
        column = self._vocabulary
        rows = [sorted(Counter(column[token] for token in tokens if token in column).items()) for tokens in documents]
        starts = np.cumsum([0, *map(len, rows)])
        columns = np.array([place for row in rows for place, _ in row], np.int32)
        counts = np.array([count for row in rows for _, count in row], np.float32)
        values = (1 + np.log(counts)) * self._idf[columns]
        row_of = np.repeat(np.arange(len(rows)), np.diff(starts))
        values /= np.sqrt(np.bincount(row_of, values.astype(np.float64) ** 2, len(rows)))[row_of]
        return csr_array((values, columns, starts), shape=(len(rows), len(column)))

    def transform(self, contents: Sequence[MovieContent]) -> NDArray[np.float32]:
        """Vectors of known or new movies, shape (movies, dimensions), float32, unit length (or zero)."""
        vectors = np.zeros((len(contents), self.dimensions), np.float32)
        if not self._vocabulary or not len(contents):
            return vectors
        for start in range(0, len(contents), _BLOCK):
            documents = [
                _tokens(content, self._stop_words, self._singulars) for content in contents[start : start + _BLOCK]
            ]
            projected = self._weights(documents) @ self._components.T
            lengths = np.linalg.norm(projected, axis=1, keepdims=True)
            np.divide(projected, lengths, out=projected, where=lengths > 1e-6)
            projected[lengths[:, 0] <= 1e-6] = 0
            vectors[start : start + _BLOCK, : projected.shape[1]] = projected
        return vectors

    def save(self, path: Path) -> None:
        """Write the encoder as .npz: the vocabulary is an array of text, no pickle."""
        words = sorted(self._vocabulary, key=self._vocabulary.__getitem__)
        save_arrays(
            path,
            _KIND,
            {
                "dimensions": np.array(self.dimensions),
                "max_features": np.array(self.max_features),
                "random_state": np.array(self.random_state),
                "singulars": np.array(self._singulars),
                "vocabulary": _packed(words),
                "stop_words": _packed(sorted(self._stop_words)),
                "idf": self._idf,
                "components": self._components,
            },
        )

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a saved encoder. Raises ModelFileError."""
        arrays = load_arrays(path, _KIND)
        encoder = cls(*(int(arrays[name]) for name in ("dimensions", "max_features", "random_state")))
        encoder._singulars = "singulars" in arrays and bool(arrays["singulars"])
        # Files of earlier releases lack them.
        encoder._stop_words = frozenset(_unpacked(arrays["stop_words"])) if "stop_words" in arrays else _stop_words()
        if len(arrays["idf"]):
            encoder._vocabulary = {word: column for column, word in enumerate(_unpacked(arrays["vocabulary"]))}
            encoder._idf, encoder._components = arrays["idf"], arrays["components"]
        return encoder


def _packed(words: Sequence[str]) -> NDArray[np.uint8]:
    """One UTF-8 blob: an array of str pads every word to the longest."""
    return np.frombuffer("\n".join(words).encode(), np.uint8)


def _unpacked(blob: NDArray[np.uint8]) -> list[str]:
    return blob.tobytes().decode().split("\n")
