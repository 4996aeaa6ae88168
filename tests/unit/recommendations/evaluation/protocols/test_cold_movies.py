"""Movies without ratings: what is held out stays out of training, and content finds its people."""

import numpy as np
import pytest

from movies.movielens.errors import ArchiveError
from recommendations.evaluation.protocols import PROTOCOLS, Options, ProtocolError
from recommendations.evaluation.protocols import cold_movies as protocol
from tests.evaluation.small import metadata_csv, movielens_zip


def test_texts_find_the_people_of_a_movie_that_nobody_rated(tmp_path):
    options = Options(k=3, metadata=metadata_csv(tmp_path))
    report = PROTOCOLS["cold-movies"].run(movielens_zip(tmp_path), options)

    figures = {row.model: row.figures["ndcg@3"] for row in report.rows}
    assert figures["ours"] > 0.6
    assert figures["ours"] > figures["random"] + 0.1
    assert report.facts["movies held out"] == 8
    assert report.facts["movies with text"] == 40


def test_no_rating_of_a_held_out_movie_reaches_the_training(tmp_path, monkeypatch):
    trained = []
    real = protocol.train

    def spy(interactions, contents, config):
        trained.append(interactions)
        return real(interactions, contents, config)

    monkeypatch.setattr(protocol, "train", spy)
    PROTOCOLS["cold-movies"].run(movielens_zip(tmp_path), Options(k=3, seed=4, metadata=metadata_csv(tmp_path)))

    held_out = protocol.held_out_movies(np.arange(1, 41), 4)
    assert len(held_out) == 8
    assert len(trained) == 2
    for interactions in trained:
        assert not np.isin(interactions.item_ids, held_out).any()


def test_which_movies_are_held_out_depends_on_the_seed():
    catalogue = np.arange(100, 200)
    assert (protocol.held_out_movies(catalogue, 1) == protocol.held_out_movies(catalogue, 1)).all()
    assert (protocol.held_out_movies(catalogue, 1) != protocol.held_out_movies(catalogue, 2)).any()


@pytest.mark.parametrize(
    ("options", "message"),
    [({}, "--metadata"), ({"k": 9}, "more than the 8 movies")],
)
def test_what_cannot_be_measured_is_said_before_training(tmp_path, options, message):
    metadata = {} if not options else {"metadata": metadata_csv(tmp_path)}
    with pytest.raises(ProtocolError, match=message):
        PROTOCOLS["cold-movies"].run(movielens_zip(tmp_path), Options(**options, **metadata))


def test_another_kind_of_file_is_an_archive_error(tmp_path):
    (tmp_path / "x.zip").write_text("no zip")
    with pytest.raises(ArchiveError):
        PROTOCOLS["cold-movies"].run(tmp_path / "x.zip", Options(metadata=metadata_csv(tmp_path)))
