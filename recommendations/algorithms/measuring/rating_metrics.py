"""Errors of predicted ratings, on the scale of the data."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def rmse(predicted: NDArray[np.floating], actual: NDArray[np.floating]) -> float:
    """Root of the mean squared error of two arrays of shape (n,). Raises ValueError for empty ones."""
    return float(np.sqrt(np.mean(np.square(_errors(predicted, actual)))))


def mae(predicted: NDArray[np.floating], actual: NDArray[np.floating]) -> float:
    """Mean absolute error of two arrays of shape (n,). Raises ValueError for empty ones."""
    return float(np.mean(np.abs(_errors(predicted, actual))))


def _errors(predicted: NDArray[np.floating], actual: NDArray[np.floating]) -> NDArray[np.float64]:
    if len(predicted) != len(actual):
        raise ValueError(f"{len(predicted)} predictions for {len(actual)} ratings.")
    if not len(actual):
        raise ValueError("There are no ratings to compare: the test part is empty.")
    return np.asarray(predicted, np.float64) - np.asarray(actual, np.float64)
