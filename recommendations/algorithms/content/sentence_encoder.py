"""Content vectors of movies by sentence embeddings: MiniLM, an option that downloads its weights on first use."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from recommendations.algorithms.content.lsa import ContentEncoder, LsaEncoder, MovieContent
from recommendations.algorithms.model_files import ModelFileError, load_arrays, save_arrays

_KIND = "sentences"
MINILM = "sentence-transformers/all-MiniLM-L6-v2"
ENCODERS = ("lsa", "minilm")
# MiniLM reads 256 word pieces and cuts off the rest of an overview.
_MAX_CHARACTERS = 2000


class EncoderMissingError(ModelFileError):
    """The packages or weights of the chosen encoder are missing. The message says what to do."""


def _load_model(name: str) -> Any:
    try:
        transformers = import_module("sentence_transformers")
    except ImportError as error:
        raise EncoderMissingError(
            "EMBEDDING_ENCODER=minilm needs sentence-transformers: pip install -r requirements-optional.txt"
        ) from error
    try:
        return transformers.SentenceTransformer(name, device="cpu")
    except OSError as error:
        raise EncoderMissingError(
            f"The weights of {name} are not installed and cannot be downloaded: {error}"
        ) from error


class SentenceEncoder:
    """Sentence embeddings by a pretrained model; it learns nothing from the catalogue.

    load_model: returns, for a name, an object with ``encode(texts, normalize_embeddings=True) -> (texts, dimensions)``.
    """

    def __init__(
        self, name: str = MINILM, dimensions: int = 384, load_model: Callable[[str], Any] = _load_model
    ) -> None:
        self.name = name
        self.dimensions = dimensions
        self._load_model = load_model
        self._model: Any = None

    def fit(self, contents: Sequence[MovieContent]) -> Self:
        """Only loads the model. Raises EncoderMissingError."""
        self._loaded()
        return self

    def transform(self, contents: Sequence[MovieContent]) -> NDArray[np.float32]:
        """Vectors of movies, shape (movies, dimensions), float32, unit length. Raises EncoderMissingError."""
        if not len(contents):
            return np.zeros((0, self.dimensions), np.float32)
        vectors = self._loaded().encode([_text(content) for content in contents], normalize_embeddings=True)
        return np.asarray(vectors, np.float32)

    def _loaded(self) -> Any:
        if self._model is None:
            self._model = self._load_model(self.name)
        return self._model

    def save(self, path: Path) -> None:
        """Write the model's name; the weights stay in the cache of sentence-transformers."""
        name = np.frombuffer(self.name.encode(), np.uint8)
        save_arrays(path, _KIND, {"name": name, "dimensions": np.array(self.dimensions)})

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a saved encoder. Raises ModelFileError."""
        arrays = load_arrays(path, _KIND)
        return cls(arrays["name"].tobytes().decode(), int(arrays["dimensions"]))


def new_encoder(name: str, dimensions: int, random_state: int = 0) -> ContentEncoder:
    """Create the encoder ``name``, not fitted. Raises ValueError for a name that is not in ENCODERS."""
    if name == "lsa":
        return LsaEncoder(dimensions, random_state=random_state)
    if name == "minilm":
        return SentenceEncoder(dimensions=dimensions)
    raise ValueError(f"The encoder must be one of {', '.join(ENCODERS)}, not {name!r}.")


def load_encoder(path: Path) -> ContentEncoder:
    """Read an encoder of either kind. Raises ModelFileError."""
    try:
        return LsaEncoder.load(path)
    except ModelFileError as lsa:
        try:
            return SentenceEncoder.load(path)
        except ModelFileError:
            raise lsa from None


def _text(content: MovieContent) -> str:
    """A movie's texts as sentences. Each name occurs once, so that the text of a search is just its own words."""
    facts = ", ".join(dict.fromkeys([*content.genres, *content.keywords, *content.people]))
    return ". ".join(part for part in (content.title, content.overview[:_MAX_CHARACTERS], facts) if part)
