"""Search by meaning: a text's vector, made by the live version's encoder, compared with those of the movies."""

import threading
import time
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

import numpy as np
import structlog
from numpy.typing import NDArray

from movies.filters import MovieFilter
from movies.lexicon import Sense, genre_names, senses_in
from movies.models import Movie
from movies.search import query_words, word_groups
from movies.text import normalise_query
from recommendations.algorithms.content.lsa import ContentEncoder, LsaEncoder, MovieContent
from recommendations.algorithms.model_files import ModelFileError
from recommendations.models import ModelVersion
from recommendations.vectors.artefacts import encoder_load
from recommendations.vectors.search import nearest_by_content

logger = structlog.get_logger(__name__)

# Seconds until a version whose files could not be read is tried again.
_RETRY_SECONDS = 60.0
# Movies that a search by meaning returns; its time grows with them.
MAX_NEAREST = 100
# Factor of the cosine of a movie without an overview.
NO_OVERVIEW_WEIGHT = 0.7


@dataclass
class _Loaded:
    """The encoder that this process has loaded: one version's, since loading takes time and memory."""

    version_id: int | None = None
    # The digests of its files: a restored backup may use the same version numbers again.
    artefacts: dict[str, str] = field(default_factory=dict)
    encoder: ContentEncoder | None = None
    tried_at: float = 0.0


_loaded = _Loaded()
_lock = threading.Lock()


def live_encoder() -> tuple[int, ContentEncoder] | None:
    """The live version's id and its encoder, loaded once per process and version; None without a version or its files.

    One query.
    """
    version = ModelVersion.objects.live().only("pk", "artefacts").first()
    if version is None:
        return None
    with _lock:
        stale = (_loaded.version_id, _loaded.artefacts) != (version.pk, version.artefacts)
        failed = _loaded.encoder is None and time.monotonic() - _loaded.tried_at > _RETRY_SECONDS
        if stale or failed:
            _loaded.version_id, _loaded.artefacts = version.pk, version.artefacts
            _loaded.encoder, _loaded.tried_at = None, time.monotonic()
            try:
                _loaded.encoder = encoder_load(version=version)
            except ModelFileError as error:
                logger.warning("encoder_not_loaded", version=version.pk, reason=str(error))
        return None if _loaded.encoder is None else (version.pk, _loaded.encoder)


class TextMeaning(NamedTuple):
    """A free text's vector under the live version, or why there is none."""

    version_id: int = 0
    vector: NDArray[np.float32] | None = None
    missing: Literal["", "unavailable", "unknown"] = ""
    # The senses of its words in the lexicon.
    senses: tuple[Sense, ...] = ()


def text_meaning(text: str) -> TextMeaning:
    """The vector of a free text; ``missing`` is ``unavailable`` without a live version or its files, ``unknown`` where
    the encoder knows none of the words. One query; computing the vector takes time, so call it once per request."""
    live = live_encoder()
    if live is None:
        return TextMeaning(missing="unavailable")
    vector = text_vector(live[1], text)
    senses, _ = senses_in(query_words(normalise_query(text)))
    return TextMeaning(live[0], vector, "" if vector is not None else "unknown", tuple(senses))


def text_vector(encoder: ContentEncoder, text: str) -> NDArray[np.float32] | None:
    """The vector of free text, shape (dimensions,), unit length; None when the encoder knows none of its words.

    For LSA, runs of words may be names: "tom hanks" is a person's name as well as two words.
    """
    text = normalise_query(text)
    words = query_words(text)
    if not words:
        return None
    if not isinstance(encoder, LsaEncoder):
        return encoder.transform([MovieContent(0, text)])[0]
    senses, rest = senses_in(words)
    parts = [vector for vector in (_of_senses(encoder, senses), _of_words(encoder, rest)) if vector is not None]
    if senses and not parts:  # No movie has these genres or keywords.
        parts = [vector for vector in [_of_words(encoder, words)] if vector is not None]
    return _unit(np.sum(parts, axis=0)) if parts else None


def _of_senses(encoder: LsaEncoder, senses: list[Sense]) -> NDArray[np.float32] | None:
    """The sum of the vectors of each sense's genres, keywords and decades, with unit length."""
    total = np.zeros(encoder.dimensions, np.float32)
    for sense in senses:
        total += _sum_of_units(
            encoder,
            [
                MovieContent(0, "", genres=genre_names(sense)),
                MovieContent(0, "", genres=genre_names(sense), keywords=sense.keywords),
                *(MovieContent(0, "", year=year) for year in sense.years),
            ],
        )
    return _unit(total)


def _of_words(encoder: LsaEncoder, words: list[str]) -> NDArray[np.float32] | None:
    """The words together and each alone: a common one ("space") would drown a rare one ("robots")."""
    if not words:
        return None
    groups = tuple(word_groups(words))
    years = [int(word) for word in words if word.isascii() and word.isdigit() and 1900 <= int(word) <= 2100]
    text, year = " ".join(words), years[0] if years else None
    content = MovieContent(0, text, year, genres=groups, people=groups, keywords=groups)
    parts = [MovieContent(0, word, genres=(word,), keywords=(word,)) for word in words]
    vectors = encoder.transform([content, *parts])
    return _unit(vectors[0] + vectors[1:].sum(axis=0) / len(words) ** 0.5 if len(words) > 1 else vectors[0])


def _sum_of_units(encoder: LsaEncoder, contents: list[MovieContent]) -> NDArray[np.float32]:
    """The sum of the movies' vectors, which have unit length, or are zero where nothing is known."""
    return np.asarray(encoder.transform(contents).sum(axis=0), np.float32)


def _unit(vector: NDArray[np.floating]) -> NDArray[np.float32] | None:
    """The vector with unit length; None for zero."""
    length = np.linalg.norm(vector)
    return np.asarray(vector / length, np.float32) if length > 0 else None


def nearest_by_text(meaning: TextMeaning, wanted: MovieFilter, exclude: Collection[int] = ()) -> dict[int, float]:
    """The movies whose content vectors are nearest to the text's, with their cosine, 0 to 1; empty without a vector.

    exclude: ids of movies to leave out. Filters before it sorts, so a filter never costs rows. Two queries.
    """
    if meaning.vector is None:
        return {}
    passing = None if wanted == MovieFilter() else Movie.objects.filter(wanted.condition()).order_by().values("pk")
    found = [
        (i, cosine)
        for i, cosine in nearest_by_content(meaning.version_id, meaning.vector, MAX_NEAREST, exclude, passing)
        if cosine > 0
    ]
    # Almost nothing is written about these, so that a single word makes up their whole vector.
    without_overview = set(
        Movie.objects.filter(pk__any_of=[i for i, _ in found], overview="").order_by().values_list("pk", flat=True)
    )
    return {
        movie_id: cosine * (NO_OVERVIEW_WEIGHT if movie_id in without_overview else 1.0) for movie_id, cosine in found
    }
