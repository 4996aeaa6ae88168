"""Rating prediction by cross-validation, on made-up archives and, where it is at hand, against Surprise's own folds."""

import json
from dataclasses import replace

import numpy as np
import pytest
from surprise import Dataset, Reader
from surprise.model_selection import KFold

from movies.movielens.errors import ArchiveError
from recommendations.algorithms.measuring.rating_metrics import rmse
from recommendations.algorithms.ratings.bayesian_mf import ChainConfig
from recommendations.evaluation.protocols import PROTOCOLS, Options, ProtocolError, rating
from tests.archives import write_folder
from tests.evaluation.small import movielens_zip


@pytest.fixture
def quick(monkeypatch):
    """Our predictor with hardly any sweeps."""
    chain = ChainConfig(factors=2, sweeps=6, burn_in=2)
    for name in ("CONFIG", "NIGHTLY"):
        monkeypatch.setattr(rating, name, replace(getattr(rating, name), chain=chain))


def test_every_rating_is_tested_once_and_the_folds_are_surprises():
    ratings = [(user, movie, float((user * movie) % 5 + 1), None) for user in range(11) for movie in range(9)]
    data = Dataset(Reader(rating_scale=(1, 5)))
    data.raw_ratings = list(ratings)
    ours = list(rating.folds(len(ratings), seed=3))

    assert sorted(np.concatenate([test for _, test in ours]).tolist()) == list(range(len(ratings)))
    for (train, test), (trainset, testset) in zip(ours, KFold(5, random_state=3).split(data), strict=True):
        assert not set(train.tolist()) & set(test.tolist())
        assert [ratings[row][:3] for row in test] == testset
        inside = {(trainset.to_raw_uid(user), trainset.to_raw_iid(item)) for user, item, _ in trainset.all_ratings()}
        assert {ratings[row][:2] for row in train} == inside


def test_our_rows_come_with_measured_and_published_surprise_rows(tmp_path, quick):
    path = movielens_zip(tmp_path, people=12, movies=12)
    seen: list[float] = []
    report = PROTOCOLS["ml100k-rmse"].run(path, Options(on_progress=lambda stage, share: seen.append(share)))

    assert [row.model for row in report.rows] == [
        "ours",
        "ours, nightly settings",
        "SVD++ (Surprise), run here",
        "SVD (Surprise), run here",
        "damped means",
    ]
    assert report.main_metric == "rmse"
    assert [row.figures["rmse"] for row in report.published][:3] == [0.919, 0.931, 0.934]
    for row in report.rows:
        assert 0 < row.figures["mae"] <= row.figures["rmse"] < 4
        assert row.interval.low <= row.interval.high
        by_fold = [float(value) for value in report.facts[f"rmse by fold, {row.model}"].split()]
        assert len(by_fold) == 5
        assert np.mean(by_fold) == pytest.approx(row.figures["rmse"], abs=1e-4)
    assert (np.diff(seen) > -1e-9).all()
    assert {"people", "ratings", "seconds fitting ours", "peak memory MiB"} <= set(report.facts)
    report.write_json(tmp_path / "report.json")
    assert json.loads((tmp_path / "report.json").read_text())["protocol"] == "ml100k-rmse"


def test_twice_the_same_and_another_seed_another_cut(tmp_path, quick):
    path = movielens_zip(tmp_path, people=12, movies=12)
    first, again, other = (rating.run_ml1m(path, Options(seed=seed)).rows for seed in (0, 0, 1))

    assert first == again != other


def test_an_ablation_adds_ours_without_each_part(tmp_path, quick):
    names = {
        row.model for row in rating.run_ml1m(movielens_zip(tmp_path, people=12, movies=12), Options(ablation=True)).rows
    }

    assert set(rating.ablations()) < names


def test_the_means_are_what_they_are_computed_by_hand(tmp_path):
    errors = [np.array([1.0, -1.0], np.float32), np.array([3.0, 0.0], np.float32)]
    row = rating._row("any", errors, seed=0)

    assert row.figures["rmse"] == pytest.approx((1 + np.sqrt(4.5)) / 2)
    assert row.figures["mae"] == pytest.approx((1 + 1.5) / 2)
    assert rating._figure("rmse", errors[1]) == rmse(np.array([4.0, 1.0]), np.array([1.0, 1.0]))


def test_bad_input_is_an_error_that_says_what(tmp_path):
    few = write_folder(
        tmp_path,
        "ml-few",
        {
            "movies.csv": b"movieId,title,genres\n1,Heat (1995),Crime\n",
            "ratings.csv": b"userId,movieId,rating,timestamp\n1,1,4.0,1\n2,1,3.0,1\n",
        },
    )
    with pytest.raises(ProtocolError, match="test part is empty: 2 ratings"):
        rating.run_ml100k(few, Options())
    with pytest.raises(ArchiveError):
        rating.run_ml100k(tmp_path / "absent.zip", Options())
    with pytest.raises(ProtocolError, match="k must be 1"):
        Options(k=0)
