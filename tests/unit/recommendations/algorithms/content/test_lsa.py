import subprocess
import sys

import numpy as np
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer

from recommendations.algorithms.content import lsa
from recommendations.algorithms.content.lsa import LsaEncoder, MovieContent
from recommendations.algorithms.model_files import ModelFileError

CATALOGUE = [
    MovieContent(1, "Heat", 1995, "A thief and a detective in Los Angeles", ("Crime",), ("Al Pacino",)),
    MovieContent(2, "Serpico", 1973, "A detective against corrupt police", ("Crime",), ("Al Pacino",)),
    MovieContent(3, "Toy Story", 1995, "Toys come to life in a child's room", ("Animation",), ("Tom Hanks",)),
    MovieContent(4, "Toy Story 2", 1999, "The toys rescue a friend", ("Animation",), ("Tom Hanks",)),
    MovieContent(5, "Amélie", 2001, "", (), (), ("paris",)),
]


def test_vectors_have_unit_length_and_are_padded():
    vectors = LsaEncoder(dimensions=384).fit(CATALOGUE).transform(CATALOGUE)

    assert vectors.shape == (5, 384)
    assert vectors.dtype == np.float32
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(np.ones(5), abs=1e-5)
    assert not vectors[:, 5:].any()


def test_movies_are_encoded_in_blocks(monkeypatch):
    encoder = LsaEncoder(dimensions=3).fit(CATALOGUE)
    whole = encoder.transform(CATALOGUE)
    monkeypatch.setattr(lsa, "_BLOCK", 2)

    assert encoder.transform(CATALOGUE) == pytest.approx(whole, abs=1e-6)


def test_movies_with_similar_texts_are_closer():
    vectors = LsaEncoder(dimensions=3).fit(CATALOGUE).transform(CATALOGUE)
    near = vectors @ vectors.T

    assert near[0, 1] > near[0, 2]
    assert near[2, 3] > near[2, 1]


def test_a_new_movie_is_placed_by_the_words_it_shares():
    encoder = LsaEncoder().fit(CATALOGUE)

    new = encoder.transform([MovieContent(9, "Insomnia", 2002, "A detective", ("Crime",), ("Al Pacino",))])
    near = new @ encoder.transform(CATALOGUE).T

    assert near.argmax() in (0, 1)


def test_a_text_of_unknown_words_is_the_zero_vector():
    vectors = LsaEncoder().fit(CATALOGUE).transform([MovieContent(9, "Zzyzx")])

    assert not vectors.any()
    assert not np.isnan(vectors).any()


def test_a_person_named_like_a_word_is_not_that_word():
    catalogue = [MovieContent(1, "Heat", people=("Rose",)), MovieContent(2, "Rose"), MovieContent(3, "Heat Wave")]
    vectors = LsaEncoder().fit(catalogue).transform(catalogue)

    assert vectors[0] @ vectors[1] == pytest.approx(0, abs=1e-6)


def test_a_large_catalogue_fills_every_dimension():
    rng = np.random.default_rng(0)
    words = [f"word{n}" for n in range(500)]
    catalogue = [MovieContent(n, " ".join(rng.choice(words, 12))) for n in range(300)]
    encoder = LsaEncoder(dimensions=32).fit(catalogue)

    vectors = encoder.transform(catalogue)

    assert (vectors != 0).any(axis=0).all()
    assert np.array_equal(vectors, LsaEncoder(dimensions=32).fit(catalogue).transform(catalogue))


def test_a_saved_encoder_gives_the_same_vectors(tmp_path):
    encoder = LsaEncoder(dimensions=8).fit(CATALOGUE)
    encoder.save(tmp_path / "encoder.npz")
    unseen = [*CATALOGUE, MovieContent(9, "Casino", 1995, "a thief", ("Crime",))]

    loaded = LsaEncoder.load(tmp_path / "encoder.npz")

    assert np.array_equal(loaded.transform(unseen), encoder.transform(unseen))


@pytest.mark.parametrize("catalogue", [[], [MovieContent(1, "!")]])
def test_a_catalogue_without_words_gives_zeros_also_when_saved(tmp_path, catalogue):
    encoder = LsaEncoder(dimensions=8).fit(catalogue)
    encoder.save(tmp_path / "encoder.npz")

    for each in (encoder, LsaEncoder.load(tmp_path / "encoder.npz")):
        assert each.transform(CATALOGUE).shape == (5, 8)
        assert not each.transform(CATALOGUE).any()


def test_one_movie_alone_has_a_vector():
    vectors = LsaEncoder(dimensions=8).fit(CATALOGUE[:1]).transform(CATALOGUE[:1])

    assert np.linalg.norm(vectors) == pytest.approx(1)


def test_a_file_cut_short_is_refused_by_name(tmp_path):
    LsaEncoder(dimensions=8).fit(CATALOGUE).save(tmp_path / "encoder.npz")
    whole = (tmp_path / "encoder.npz").read_bytes()
    (tmp_path / "encoder.npz").write_bytes(whole[: len(whole) // 2])

    with pytest.raises(ModelFileError, match=r"encoder\.npz"):
        LsaEncoder.load(tmp_path / "encoder.npz")


def test_a_plural_is_the_same_word(tmp_path):
    catalogue = [MovieContent(1, "", overview="the robot walks"), MovieContent(2, "", overview="a pony and a bus")]
    encoder = LsaEncoder().fit(catalogue)
    robots, ponies, other = (MovieContent(9, "", overview=text) for text in ("robots", "ponies", "glass"))
    near = encoder.transform([robots, ponies, other]) @ encoder.transform(catalogue).T

    assert near[0, 0] > 0.5 > near[0, 1]
    assert near[1, 1] > 0.5 > near[1, 0]
    assert not near[2].any()


def test_an_encoder_of_an_earlier_release_keeps_its_own_words(tmp_path):
    catalogue = [MovieContent(1, "", overview="robots robot"), MovieContent(2, "", overview="robot")]
    encoder = LsaEncoder().fit(catalogue)
    encoder._singulars = False
    encoder.fit(catalogue).save(tmp_path / "old.npz")
    with np.load(tmp_path / "old.npz") as stored:
        arrays = {name: stored[name] for name in stored.files if name != "singulars"}
    np.savez(tmp_path / "old.npz", **arrays)
    loaded = LsaEncoder.load(tmp_path / "old.npz")

    texts = [MovieContent(9, "", overview="robots"), MovieContent(9, "", overview="robot")]
    assert loaded.transform(texts) == pytest.approx(encoder.transform(texts), abs=1e-5)
    assert loaded.transform(texts)[0] != pytest.approx(loaded.transform(texts)[1], abs=1e-3)


def test_the_stop_words_are_saved(tmp_path):
    encoder = LsaEncoder(dimensions=8).fit(CATALOGUE)
    encoder.save(tmp_path / "encoder.npz")
    with np.load(tmp_path / "encoder.npz") as stored:
        old = {name: stored[name] for name in stored.files if name != "stop_words"}
    np.savez(tmp_path / "old.npz", **old)

    texts = [MovieContent(9, "", overview=text) for text in ("the", "against corrupt detective", "and in to a")]
    for name in ("encoder.npz", "old.npz"):
        vectors = LsaEncoder.load(tmp_path / name).transform(texts)
        assert np.array_equal(vectors, encoder.transform(texts))
        assert list(vectors.any(axis=1)) == [False, True, False]


def test_the_weights_are_those_of_scikit_learn():
    rng = np.random.default_rng(0)
    words = [f"word{n}" for n in range(40)]
    documents = [[str(word) for word in rng.choice(words, 25)] for _ in range(30)]
    encoder = LsaEncoder(dimensions=8).fit([MovieContent(n, " ".join(tokens)) for n, tokens in enumerate(documents)])
    reference = TfidfVectorizer(
        analyzer=list, sublinear_tf=True, dtype=np.float32, vocabulary=list(encoder._vocabulary)
    )
    reference.idf_ = encoder._idf[list(encoder._vocabulary.values())]
    unseen = [*documents, [], ["word3", "nowhere"], ["nowhere"]]

    expected = reference.transform(unseen).toarray()
    found = encoder._weights(unseen).toarray()[:, list(encoder._vocabulary.values())]

    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-7)


def test_a_saved_encoder_needs_no_scikit_learn(tmp_path):
    LsaEncoder(dimensions=8).fit(CATALOGUE).save(tmp_path / "encoder.npz")
    program = (
        "import sys; from pathlib import Path;"
        "from recommendations.algorithms.content.lsa import LsaEncoder, MovieContent;"
        "vectors = LsaEncoder.load(Path(sys.argv[1])).transform([MovieContent(9, 'detective')]);"
        "print(vectors.any(), 'sklearn' in sys.modules)"
    )

    command = [sys.executable, "-c", program, str(tmp_path / "encoder.npz")]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)

    assert done.stdout.split() == ["True", "False"]
