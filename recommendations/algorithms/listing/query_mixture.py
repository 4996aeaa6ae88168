"""Mixes the few-shot query with the next-item query into one, so that one inner-product search serves both.

The few-shot model knows taste from one like on; the next-item model knows what the newest picks lead to, and gains on
it with more of them. The item factors of both models stand side by side, and each part of the query is divided by the
deviation that its scores have over the catalogue, so that the shares mean the same for everybody.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from recommendations.algorithms.listing.sequence_query import SequenceTables, check_table
from recommendations.algorithms.listing.session_query import UserProfile
from recommendations.algorithms.model_files import ModelFileError, load_arrays, save_arrays

# Below this deviation a part of the query says nothing.
_LEAST_DEVIATION = 1e-6
# Contributions are divided by weights; by a smaller one they would overflow single precision.
_LEAST_WEIGHT = np.float32(1e-30)
_FILE_KIND = "mixed space"
_FEW_SHOT, _NEXT_ITEM = "few_shot_covariance", "next_item_covariance"


@dataclass(frozen=True, slots=True)
class MixtureConfig:
    """How much the next-item model counts."""

    # Its share is signals / (signals + this).
    half_share_signals: float = 5.0

    def __post_init__(self) -> None:
        if self.half_share_signals < 0:
            raise ValueError(f"half_share_signals must be 0 or more, not {self.half_share_signals}.")

    def share(self, signals: int) -> float:
        """The next-item model's share for this number of signals, 0 to 1."""
        return signals / (signals + self.half_share_signals) if signals else 0.0


@dataclass(frozen=True, slots=True)
class MixedSpace:
    """What turns signals into a query over joined item factors: few-shot (d), next-item (e), bias (1).

    tables: of the next-item model; few_shot_covariance: of the few-shot item factors over the catalogue, float32
    (d, d); next_item_covariance: of the next-item factors and the bias, float32 (e + 1, e + 1).
    """

    tables: SequenceTables
    few_shot_covariance: NDArray[np.float32]
    next_item_covariance: NDArray[np.float32]

    @property
    def few_shot_width(self) -> int:
        """d: where the next-item part of a joined vector begins."""
        return len(self.few_shot_covariance)

    @property
    def width(self) -> int:
        """d + e + 1: the width of joined item factors."""
        return self.few_shot_width + len(self.next_item_covariance)

    @classmethod
    def measure(cls, tables: SequenceTables, joined: NDArray[np.float32], width: int) -> Self:
        """The space of joined item factors (I, d + e + 1), whose first ``width`` dimensions are the few-shot model's.

        Items whose few-shot factors are all 0 do not count.
        """
        known = joined[joined[:, :width].any(axis=1)]
        return cls(tables, _covariance(known[:, :width]), _covariance(known[:, width:]))

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """All tables by name, ready for ``np.savez``."""
        return {**self.tables.arrays(), _FEW_SHOT: self.few_shot_covariance, _NEXT_ITEM: self.next_item_covariance}

    def save(self, path: Path) -> None:
        """Write all tables into one file. Raises OSError."""
        save_arrays(path, _FILE_KIND, self.arrays())

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read what ``save`` wrote. Raises ModelFileError."""
        arrays = load_arrays(path, _FILE_KIND)
        try:
            return cls.from_arrays(arrays)
        except KeyError as error:
            raise ModelFileError(f"{path}: this model file has no {error}.") from error
        except (TypeError, ValueError) as error:
            raise ModelFileError(f"{path}: {error}") from error

    @classmethod
    def from_arrays(cls, arrays: dict[str, NDArray[np.generic]]) -> Self:
        """The inverse of ``arrays``. Raises KeyError for a missing table, TypeError or ValueError for an unfit one."""
        tables = SequenceTables.from_arrays(arrays)
        few_shot, next_item = (np.asarray(arrays[name], np.float32) for name in (_FEW_SHOT, _NEXT_ITEM))
        check_table(_FEW_SHOT, few_shot, few_shot.shape[:1] * 2)
        check_table(_NEXT_ITEM, next_item, (tables.gains.shape[1] + 1,) * 2)
        return cls(tables, few_shot, next_item)


def join_item_factors(
    few_shot: NDArray[np.float32], next_item: NDArray[np.float32], bias: NDArray[np.float32], learned: NDArray[np.bool_]
) -> NDArray[np.float32]:
    """Item factors of both models side by side, float32 (I, d + e + 1), with the next-item part centred.

    few_shot: (I, d); next_item: (I, e); bias: (I,); learned: bool (I,), whether the next-item model knows the item. The
    others get its average, so that they neither gain nor lose.
    """
    part = np.concatenate([next_item, bias[:, None]], axis=1)
    if learned.any():
        part = part - part[learned].mean(axis=0)
    return np.concatenate([few_shot, np.where(learned[:, None], part, 0)], axis=1).astype(np.float32)


def pad_profile(profile: UserProfile, width: int) -> UserProfile:
    """The few-shot profile over joined item factors (I, width) without the next-item model: zeros in its part."""
    added = width - len(profile.query)
    return replace(
        profile,
        query=np.pad(profile.query, (0, added)),
        query_factors=np.pad(profile.query_factors, ((0, 0), (0, added))),
    )


def mix_queries(
    profile: UserProfile,
    sequence_factors: NDArray[np.float32],
    timestamps: NDArray[np.int64],
    space: MixedSpace,
    config: MixtureConfig,
) -> UserProfile:
    """The profile with a query over joined item factors, and with each signal's contribution to it.

    profile: of the few-shot model, k signals, newest first; sequence_factors: the next-item model's query factors of
    the same signals, (k, e), zeros if it does not know the item; timestamps: their unix seconds, (k,). Only positive
    signals make the next-item query.
    """
    positive = profile.weights > 0
    known = positive & sequence_factors.any(axis=1)
    places = np.flatnonzero(known)[: space.tables.signals]
    share = config.share(len(places))
    few_shot = (1 - share) * _per_deviation(profile.query, space.few_shot_covariance)
    width = sequence_factors.shape[1]
    next_item = np.zeros(width + 1, np.float32)
    linear = np.zeros_like(sequence_factors)
    if len(places):
        factors, times = sequence_factors[places], timestamps[places]
        linear[places] = space.tables.contributions(factors, times)
        query = np.append(space.tables.corrected(linear[places].sum(axis=0)[None])[0], np.float32(1))
        next_item = share * _per_deviation(query, space.next_item_covariance)
        linear[places] *= next_item[-1]
    total = max(float(profile.weights[positive].sum()), _LEAST_DEVIATION)
    scale = (1 - share) / total / _deviation(profile.query, space.few_shot_covariance)
    # A signal's contribution is its weight times its factors; the bias and the hidden layer belong to no signal.
    by_weight = linear / np.where(known, np.maximum(profile.weights, _LEAST_WEIGHT), 1)[:, None]
    parts = [profile.query_factors * np.float32(scale), by_weight, np.zeros((len(positive), 1))]
    return replace(
        profile,
        query=np.concatenate([few_shot, next_item]).astype(np.float32),
        query_factors=np.concatenate(parts, axis=1).astype(np.float32),
    )


def _covariance(factors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Covariance of the columns (n, d), float32 (d, d); zeros for fewer than two rows."""
    if len(factors) < 2:
        return np.zeros((factors.shape[1],) * 2, np.float32)
    return np.cov(factors.T).astype(np.float32).reshape((factors.shape[1],) * 2)


def _deviation(query: NDArray[np.float32], covariance: NDArray[np.float32]) -> float:
    """The standard deviation of a query's scores over the catalogue; at least _LEAST_DEVIATION."""
    return max(float(query @ covariance @ query), _LEAST_DEVIATION**2) ** 0.5


def _per_deviation(query: NDArray[np.float32], covariance: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(query / np.float32(_deviation(query, covariance)), np.float32)
