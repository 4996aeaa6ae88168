import sys

import numpy as np
import pytest

from recommendations.algorithms.content.lsa import LsaEncoder, MovieContent
from recommendations.algorithms.content.sentence_encoder import (
    EncoderMissingError,
    SentenceEncoder,
    load_encoder,
    new_encoder,
)
from recommendations.algorithms.model_files import ModelFileError


class FakeModel:
    """Counts letters, so that the same text always has the same vector of unit length."""

    def __init__(self, name: str) -> None:
        self.texts: list[str] = []

    def encode(self, texts, normalize_embeddings):
        self.texts += texts
        counts = np.array([[text.count(letter) + 0.1 for letter in "aeiou"] for text in texts])
        return counts / np.linalg.norm(counts, axis=1, keepdims=True) if normalize_embeddings else counts


def test_movies_become_vectors_of_their_texts():
    made: list[FakeModel] = []
    encoder = SentenceEncoder(dimensions=5, load_model=lambda name: made.append(FakeModel(name)) or made[0])
    contents = [MovieContent(1, "Heat", overview="A heist.", genres=("Crime",)), MovieContent(2, "Up")]

    vectors = encoder.fit(contents).transform(contents)

    assert (vectors.shape, vectors.dtype) == ((2, 5), np.float32)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx([1, 1])
    assert made[0].texts == ["Heat. A heist.. Crime", "Up"]
    assert len(made) == 1
    assert encoder.transform([]).shape == (0, 5)


def test_without_the_package_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "sentence_transformers", None)

    with pytest.raises(EncoderMissingError, match="pip install -r requirements-optional"):
        new_encoder("minilm", 384).fit([])


def test_a_saved_encoder_of_either_kind_is_read_again(tmp_path):
    contents = [MovieContent(1, "Heat", overview="a heist"), MovieContent(2, "Up", overview="a house")]
    SentenceEncoder("a/model", 7).save(tmp_path / "sentences.npz")
    lsa = LsaEncoder(2).fit(contents)
    lsa.save(tmp_path / "lsa.npz")

    sentences = load_encoder(tmp_path / "sentences.npz")

    assert isinstance(sentences, SentenceEncoder)
    assert (sentences.name, sentences.dimensions) == ("a/model", 7)
    assert np.array_equal(load_encoder(tmp_path / "lsa.npz").transform(contents), lsa.transform(contents))
    with pytest.raises(ModelFileError, match="no such model file"):
        load_encoder(tmp_path / "absent.npz")


def test_an_encoder_nobody_knows_is_refused():
    with pytest.raises(ValueError, match="lsa, minilm"):
        new_encoder("word2vec", 384)
