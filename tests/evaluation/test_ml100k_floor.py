"""The shipped hyperparameters on MovieLens 100K: far better than popularity, or something broke."""

import os
from io import BytesIO
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import pytest
from django.conf import settings

from recommendations.algorithms.feedback import rating_weights
from recommendations.algorithms.interactions import Interactions
from recommendations.algorithms.pipeline.train import TrainingConfig, evaluate

DATA = Path(os.environ.get("RECSYS_DATA", settings.BASE_DIR.parent / "shared" / "data"))


@pytest.fixture(scope="module")
def ml100k() -> Interactions:
    archive = DATA / "ml-100k.zip"
    if not archive.exists():
        pytest.skip(f"{archive} is absent: MovieLens data is not part of the repository (RECSYS_DATA says where it is)")
    with ZipFile(archive) as opened:
        name = next(name for name in opened.namelist() if name.endswith("u.data"))
        columns = np.loadtxt(BytesIO(opened.read(name)), np.int64)
    ratings = columns[:, 2].astype(np.float32)
    return Interactions.from_columns(
        columns[:, 0], columns[:, 1], weights=rating_weights(ratings), ratings=ratings, timestamps=columns[:, 3]
    )


def test_the_model_ranks_twice_as_well_as_popularity(ml100k):
    measured = evaluate(ml100k, TrainingConfig())

    assert measured["ndcg@10"] >= 0.39
    assert measured["ndcg@10"] >= 1.6 * measured["popularity"]["ndcg@10"]
    assert measured["recall@10"] >= 1.6 * measured["popularity"]["recall@10"]
