"""The real ML-100k for everybody: from the machine's own copy, else fetched as the demo fetches it."""

import os
from pathlib import Path

import pytest

from recsys_project.demo.recbole import fetch_ml_100k
from recsys_project.demo.steps import DemoError
from recsys_project.embedded import addresses


@pytest.fixture(scope="session")
def ml_100k() -> Path:
    """The path of MovieLens 100K; skips where it is neither at hand nor to be fetched."""
    own = Path(os.environ.get("RECSYS_DATA") or Path(__file__).resolve().parents[3] / "shared" / "data") / "ml-100k.zip"
    if own.exists():
        return own
    fetched = addresses.var_dir() / "data" / "ml-100k"
    if not fetched.exists():
        try:
            fetch_ml_100k(addresses.var_dir() / "downloads", fetched)
        except DemoError as error:
            pytest.skip(f"ML-100k cannot be fetched: {error}")
    return fetched
