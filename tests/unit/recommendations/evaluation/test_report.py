"""Ranking reports: every metric against a slow computation, intervals, JSON and the plot."""

import json
import math

import numpy as np
import pytest
from scipy.sparse import csr_array

from recommendations.algorithms.measuring.bootstrap import difference_interval, mean_interval
from recommendations.algorithms.measuring.rating_metrics import mae, rmse
from recommendations.evaluation.plotting import plot_report
from recommendations.evaluation.published import ML1M_FOLD
from recommendations.evaluation.report import EvaluationReport, ranking_row

RANKED = np.array([[3, 1, 0], [2, 0, 1]])
RELEVANT = csr_array(np.array([[1, 1, 0, 0, 1], [0, 0, 0, 1, 0]], np.float32))


def test_ranking_row_agrees_with_a_computation_by_hand():
    row, per_person = ranking_row("ours", RANKED, RELEVANT, k=3)

    ideal = 1 + 1 / math.log2(3) + 1 / math.log2(4)
    ndcg = (1 / math.log2(3) + 1 / math.log2(4)) / ideal
    assert per_person == pytest.approx([ndcg, 0.0])
    assert row.figures["ndcg@3"] == pytest.approx(ndcg / 2)
    assert row.figures["precision@3"] == pytest.approx((2 / 3) / 2)
    assert row.figures["recall@3"] == pytest.approx((2 / 3) / 2)
    assert row.figures["hit_rate@3"] == pytest.approx(0.5)
    assert row.figures["map@3"] == pytest.approx(((1 / 2 + 2 / 3) / 3) / 2)
    assert row.figures["mrr@3"] == pytest.approx((1 / 2) / 2)
    assert list(row.curve) == [1, 3]


def test_an_empty_test_part_is_an_error_not_a_perfect_score():
    with pytest.raises(ValueError, match="empty"):
        ranking_row("ours", RANKED, csr_array((2, 5), dtype=np.float32), k=3)


def test_k_of_zero_is_an_error():
    with pytest.raises(ValueError, match="k must be 1 or more"):
        ranking_row("ours", RANKED, RELEVANT, k=0)


def test_the_interval_holds_the_mean_and_repeats_with_its_seed():
    values = np.array([0.0, 1.0, np.nan, 0.5] * 50)
    interval = mean_interval(values, seed=3)
    assert interval == mean_interval(values, seed=3)
    assert interval.mean == pytest.approx(0.5)
    assert interval.low < 0.5 < interval.high


def test_an_interval_over_nobody_is_an_error():
    with pytest.raises(ValueError, match="nobody"):
        mean_interval(np.array([np.nan]))


def test_a_paired_interval_is_narrower_than_the_spread_of_people():
    theirs = np.random.default_rng(0).random(400)
    interval = difference_interval(theirs + 0.01, theirs)
    assert interval.low == pytest.approx(0.01)
    assert interval.high == pytest.approx(0.01)


def test_rating_errors_are_on_the_scale_of_the_ratings():
    assert rmse(np.array([3.0, 5.0]), np.array([4.0, 2.0])) == pytest.approx(math.sqrt(5))
    assert mae(np.array([3.0, 5.0]), np.array([4.0, 2.0])) == pytest.approx(2.0)
    with pytest.raises(ValueError, match="empty"):
        rmse(np.array([]), np.array([]))


def test_a_report_is_written_as_json_and_as_a_plot(tmp_path):
    row, _ = ranking_row("ours", RANKED, RELEVANT, k=3)
    report = EvaluationReport("ml1m-fold", "made up", "ndcg@3", [row], ML1M_FOLD, facts={"people": 2})
    report.write_json(tmp_path / "report.json")
    plot_report(report, tmp_path / "report.png")

    read = json.loads((tmp_path / "report.json").read_text())
    assert read["rows"][0]["figures"]["ndcg@3"] == row.figures["ndcg@3"]
    assert read["published"][0]["model"] == "EASE"
    assert (tmp_path / "report.png").read_bytes().startswith(b"\x89PNG")
