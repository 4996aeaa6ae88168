"""Ratings of new people: nobody's own rating is in the fit, and a few of them find the taste."""

import numpy as np
import pytest

from recommendations.evaluation.protocols import PROTOCOLS, Options, ProtocolError
from recommendations.evaluation.protocols import new_ratings as protocol
from tests.evaluation.small import movielens_zip


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    return movielens_zip(tmp_path_factory.mktemp("data"), people=120)


def test_a_few_ratings_predict_better_than_means(archive):
    report = protocol.run(archive, Options(), people=20)

    figures = {row.model: row.figures for row in report.rows}
    assert report.main_metric == "rmse after 5"
    assert figures[protocol.OURS]["rmse after 5"] < figures[protocol.BOTH_MEANS]["rmse after 5"]
    assert report.facts["people held out"] == 20
    ours = report.rows[0]
    assert ours.interval.low <= ours.figures["rmse after 5"] <= ours.interval.high
    assert report.curve_of == "RMSE"
    assert ours.curve[1] == ours.figures["rmse after 1"]


def test_no_rating_of_a_held_out_person_is_fitted(archive, monkeypatch):
    fitted = []
    real = protocol.Models.fit
    monkeypatch.setattr(protocol.Models, "fit", lambda others: fitted.append(others) or real(others))
    protocol.run(archive, Options(seed=3), people=20)

    held = protocol.held_out_people(np.arange(1, 121), 20, 3)
    assert not np.isin(fitted[0].users, held).any()
    assert len(np.unique(fitted[0].users)) == 100


def test_a_movie_that_nobody_else_rated_gets_the_average(archive):
    _, ratings = protocol.read_ratings(archive)
    models = protocol.Models.fit(ratings.take(ratings.items < 40))
    mine = ratings.take((ratings.users == 2) & (ratings.items < 40))

    found = models.predict(mine.take(np.arange(0)), np.array([40, 2]))

    assert found[protocol.ITEM_MEAN][0] == pytest.approx(models.means.mean)
    assert found[protocol.OURS][0] == pytest.approx(models.rows[-1, 0])
    assert found[protocol.BOTH_MEANS] == pytest.approx(found[protocol.ITEM_MEAN])


def test_people_with_too_few_ratings_are_an_error(tmp_path):
    with pytest.raises(ProtocolError, match="nobody has 6 ratings"):
        PROTOCOLS["new-ratings"].run(movielens_zip(tmp_path, movies=6), Options())
