"""The dislikes protocol: who rejects what, and that the same movies are left out of both lists."""

import numpy as np
import pytest

from recommendations.algorithms.pipeline.train import train
from recommendations.evaluation.protocols import Options, ProtocolError, dislikes
from recommendations.evaluation.protocols.cold_movies import interactions_from_ratings
from recommendations.evaluation.protocols.data import read_contents, read_ratings
from recommendations.evaluation.protocols.new_users import held_out_people
from tests.archives import write_zip
from tests.evaluation.small import movielens_zip


def test_a_report_has_a_row_for_each_rejection(tmp_path):
    report = dislikes.run(movielens_zip(tmp_path), Options(k=3), people=10)

    rows = {row.model: row.figures for row in report.rows}
    assert list(rows) == [*(rejection.name for rejection in dislikes.REJECTIONS), "real low ratings"]
    assert all(0 <= figures["kept@3 after 5"] <= 1 for figures in rows.values())
    # The two tastes share nothing, so rejecting the other one changes little.
    assert rows["one dislike"]["kept@3 after 5"] > 0.8
    assert report.main_metric == "kept@3 after 5"


def test_rejected_movies_are_popular_and_outside_the_taste(tmp_path):
    path = movielens_zip(tmp_path)
    _, ratings = read_ratings(path)
    held = held_out_people(np.unique(ratings.users), 10, 0)
    others = ratings.take(~np.isin(ratings.users, held))
    model = train(interactions_from_ratings(others), read_contents(path), dislikes.CONFIG)

    found = list(dislikes.cases(ratings, held, model, 5, 0))

    assert found
    for case in found:
        outside, liked = model.movie_ids[case.outside], model.movie_ids[case.likes]
        assert len(case.likes) == 5
        assert len(case.hidden) >= dislikes.MIN_LIKES_LEFT
        assert not set(case.outside.tolist()) & {*case.likes.tolist(), *case.hidden.tolist()}
        # People like movies of one parity each.
        assert (outside % 2 != liked[0] % 2).mean() > 0.9


def test_data_in_which_nobody_likes_enough_is_an_error(tmp_path):
    files = {"movies.dat": b"1::A (1990)::Drama\n2::B (1991)::Drama\n", "ratings.dat": b"1::1::5::1\n2::2::5::2\n"}
    with pytest.raises(ProtocolError, match="empty"):
        dislikes.run(write_zip(tmp_path, "few", files), Options(k=1))
