"""Movies without ratings: what is held out stays out of training, and content finds its people."""

import numpy as np
import pytest

from movies.movielens.errors import ArchiveError
from recommendations.evaluation.protocols import PROTOCOLS, Options, ProtocolError
from recommendations.evaluation.protocols import cold_movies as protocol
from recommendations.evaluation.report import ModelRow
from tests.evaluation.small import metadata_csv, movielens_zip


def test_texts_find_the_people_of_a_movie_that_nobody_rated(tmp_path):
    options = Options(k=3, metadata=metadata_csv(tmp_path))
    report = protocol.run(movielens_zip(tmp_path), options, draws=2)

    figures = {row.model: row.figures["ndcg@3"] for row in report.rows}
    assert figures["ours, draw of seed 0"] > 0.6
    assert figures["ours, draw of seed 0"] > figures["random, draw of seed 0"] + 0.1
    assert next(iter(figures)) == "ours, mean of 2 draws"
    assert report.facts["movies held out"] == 8
    assert report.facts["movies with text"] == 40


def test_no_rating_of_a_held_out_movie_reaches_the_training(tmp_path, monkeypatch):
    trained = []
    real = protocol.train

    def spy(interactions, contents, config):
        trained.append(interactions)
        return real(interactions, contents, config)

    monkeypatch.setattr(protocol, "train", spy)
    protocol.run(movielens_zip(tmp_path), Options(k=3, seed=4, metadata=metadata_csv(tmp_path)), draws=2)

    # Genres alone and ours in the official draw, then ours in the next draw.
    assert len(trained) == 3
    for interactions, seed in zip(trained, (4, 4, 5), strict=True):
        held_out = protocol.held_out_movies(np.arange(1, 41), seed)
        assert len(held_out) == 8
        assert not np.isin(interactions.item_ids, held_out).any()


def test_the_mean_row_has_an_interval_over_draws():
    rows = [ModelRow(f"draw {value}", {"ndcg@3": value}, None, {3: value}) for value in (0.2, 0.3, 0.4)]
    mean = protocol.mean_of_draws(rows)

    assert mean.figures == {"ndcg@3": pytest.approx(0.3)}
    assert mean.curve == {3: pytest.approx(0.3)}
    # Student's quantile for two degrees of freedom, 4.303, times .1 / sqrt(3).
    assert (mean.interval.low, mean.interval.high) == (pytest.approx(0.0516, abs=1e-3), pytest.approx(0.5484, abs=1e-3))
    assert protocol.mean_of_draws(rows[:1]).interval is None


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
