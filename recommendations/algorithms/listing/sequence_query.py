"""The query of the next-item model: what somebody did last, in order, as one vector for one inner-product search.

Each signal counts once for each decay: by its place and by the seconds between it and the newest signal. The decayed
sums are scaled by dimension, added up, and corrected by one small hidden layer. The score of an item is the inner
product of the query with its factors, plus its bias.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Self

import numpy as np
from numpy.typing import NDArray

# Added to a variance before division.
EPSILON = 1e-5


@dataclass(frozen=True, slots=True)
class Decay:
    """How the weight of a signal falls: exp(-newer signals / places) x exp(-seconds before the newest / seconds).

    None leaves a factor out.
    """

    places: float | None = None
    seconds: float | None = None

    def __post_init__(self) -> None:
        for name in ("places", "seconds"):
            value = getattr(self, name)
            if value is not None and value <= 0:
                raise ValueError(f"{name} must be above 0, not {value}.")

    def by_place(self, newer: NDArray[np.integer]) -> NDArray[np.float32]:
        """The weight by the number of newer signals, float32 in the shape of ``newer``."""
        if self.places is None:
            return np.ones(newer.shape, np.float32)
        return np.exp(-newer.astype(np.float32) / np.float32(self.places))

    def by_time(self, seconds: NDArray[np.float32]) -> NDArray[np.float32] | None:
        """The weight by the seconds before the newest signal, float32 in that shape; None if time does not count."""
        return None if self.seconds is None else np.exp(seconds * np.float32(-1 / self.seconds))


@dataclass(frozen=True, slots=True)
class SequenceTables:
    """The small tables of a fitted next-item model: K decays, d dimensions, h hidden units; all float32.

    places, seconds: (K,), 0 where that factor is left out; gains: (K, d); hidden_weights: (d, h); hidden_bias: (h,);
    output_weights: (h, d). signals: how many of the newest signals count.
    """

    places: NDArray[np.float32]
    seconds: NDArray[np.float32]
    gains: NDArray[np.float32]
    hidden_weights: NDArray[np.float32]
    hidden_bias: NDArray[np.float32]
    output_weights: NDArray[np.float32]
    signals: int

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """All fields by name, ready for ``np.savez``."""
        return {field.name: np.asarray(getattr(self, field.name)) for field in fields(self)}

    @classmethod
    def from_arrays(cls, arrays: dict[str, NDArray[np.generic]]) -> Self:
        """The inverse of ``arrays``. Raises KeyError for a missing field, TypeError or ValueError for an unfit one."""
        signals = int(arrays["signals"])
        names = [field.name for field in fields(cls) if field.name != "signals"]
        tables = cls(**{name: np.asarray(arrays[name], np.float32) for name in names}, signals=signals)
        decays, width, hidden = len(tables.places), tables.gains.shape[-1], len(tables.hidden_bias)
        if signals < 1 or decays < 1:
            raise ValueError("This next-item model reads no signal.")
        shapes = {
            "places": (decays,),
            "seconds": (decays,),
            "gains": (decays, width),
            "hidden_weights": (width, hidden),
            "hidden_bias": (hidden,),
            "output_weights": (hidden, width),
        }
        for name, shape in shapes.items():
            check_table(name, getattr(tables, name), shape)
        return tables

    def signal_weights(self, timestamps: NDArray[np.int64]) -> NDArray[np.float32]:
        """Weights of n signals for each decay, float32 (K, n). timestamps: unix seconds, newest first, (n,)."""
        newer = np.arange(len(timestamps))
        ages = np.maximum(timestamps[:1] - timestamps, 0).astype(np.float32)
        rows = []
        for places, seconds in zip(self.places.tolist(), self.seconds.tolist(), strict=True):
            decay = Decay(places or None, seconds or None)
            by_time = decay.by_time(ages)
            rows.append(decay.by_place(newer) if by_time is None else decay.by_place(newer) * by_time)
        return np.stack(rows)

    def contributions(self, query_factors: NDArray[np.float32], timestamps: NDArray[np.int64]) -> NDArray[np.float32]:
        """The linear part of the query by signal, float32 (n, d), before the hidden layer.

        query_factors: of the signals' items, newest first, (n, d); timestamps: unix seconds, (n,).
        """
        weights = self.signal_weights(timestamps)
        return np.asarray((weights.T @ self.gains) * query_factors, np.float32)

    def query(self, query_factors: NDArray[np.float32], timestamps: NDArray[np.int64]) -> NDArray[np.float32]:
        """The query vector of n signals, newest first, float32 (d,); see ``contributions``."""
        newest = slice(0, self.signals)
        linear = self.contributions(query_factors[newest], timestamps[newest]).sum(axis=0)
        return self.corrected(linear[None])[0]

    def corrected(self, linear: NDArray[np.float32]) -> NDArray[np.float32]:
        """Linear queries (n, d) with the hidden layer's correction added, float32 (n, d)."""
        centred = linear - linear.mean(axis=1, keepdims=True)
        normal = centred / np.sqrt(np.square(centred).mean(axis=1, keepdims=True) + np.float32(EPSILON))
        hidden = np.maximum(normal @ self.hidden_weights + self.hidden_bias, 0)
        return np.asarray(linear + hidden @ self.output_weights, np.float32)


def check_table(name: str, table: NDArray[np.float32], shape: tuple[int, ...]) -> None:
    """Raises ValueError unless the table has this shape and holds finite numbers; a scalar has no shape that fits."""
    if table.shape != shape or not shape:
        raise ValueError(f"The table {name} has the shape {table.shape}, not {shape}.")
    if not np.isfinite(table).all():
        raise ValueError(f"The table {name} holds something that is not a finite number.")
