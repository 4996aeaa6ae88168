"""The next-item model: ranks what somebody is likely to pick next by the order and times of what they picked before.

A shallow softmax: a decayed sum of the query factors of the newest signals, corrected by one hidden layer, times the
item factors, plus a bias (``listing.sequence_query``). It is fitted with cross-entropy against sampled items, masking
the items that the person has picked before, because serving never recommends these either. So the score stays one inner
product, which pgvector searches; the bias is one more dimension.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from recommendations.algorithms.interactions import Interactions
from recommendations.algorithms.listing.sequence_query import Decay, SequenceTables
from recommendations.algorithms.rankers.next_item_fit import Fit

DECAYS = (
    Decay(places=0.7),
    Decay(places=2.5),
    Decay(places=8.0),
    Decay(places=25.0),
    Decay(),
    Decay(places=10.0, seconds=1.0),
    Decay(places=10.0, seconds=60.0),
    Decay(places=25.0, seconds=1800.0),
)


@dataclass(frozen=True, slots=True)
class NextItemConfig:
    """Hyperparameters, chosen on the validation items of the next-item protocol (docs/evaluation.md)."""

    dimensions: int = 128
    # Only the newest signals count.
    signals: int = 50
    decays: tuple[Decay, ...] = DECAYS
    hidden_units: int = 256
    passes: int = 9
    # Items that all positions of a batch share as negatives, drawn evenly.
    negatives: int = 512
    # Positions of a batch, in runs of next_item_fit.RUN positions of the data. With larger ones a pass takes a little
    # less time, but far more passes are needed.
    batch: int = 2048
    # Small data is cut into smaller batches, so that a fit has about this number of them.
    least_batches: int = 800
    learning_rate: float = 0.004
    weight_decay: float = 0.1
    # Probability that a signal, or a dimension of the query, is dropped in training.
    signal_dropout: float = 0.1
    query_dropout: float = 0.3
    # The target of a position is drawn from this number of liked picks that come next.
    horizon: int = 1
    # A position weighs (signals of the person) to minus this power.
    person_exponent: float = 0.25
    # The standard deviation of the first factors.
    scale: float = 0.08
    # At most this number of positions is trained on, over all passes: it bounds the time for large data.
    max_positions: int = 15_000_000
    # People are drawn until they have this number of picks: it bounds the memory for large data.
    max_picks: int = 5_000_000
    # With more items, a step moves only the factors of its batch's items: its time does not grow with their number.
    max_dense_items: int = 10_000
    random_state: int = 0

    @classmethod
    def nightly(cls) -> Self:
        """The hyperparameters of the nightly training: serving wants what people like soon, not the very next pick."""
        return cls(horizon=5)

    def __post_init__(self) -> None:
        for name in (
            "dimensions",
            "signals",
            "hidden_units",
            "passes",
            "negatives",
            "batch",
            "least_batches",
            "horizon",
            "max_positions",
            "max_picks",
            "max_dense_items",
        ):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be 1 or more, not {getattr(self, name)}.")
        for name in ("learning_rate", "scale"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} must be above 0, not {getattr(self, name)}.")
        for name in ("weight_decay", "person_exponent"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} must be 0 or more, not {getattr(self, name)}.")
        for name in ("signal_dropout", "query_dropout"):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 0 and below 1, not {getattr(self, name)}.")
        if not self.decays:
            raise ValueError("decays must name at least one decay.")


@dataclass(frozen=True, slots=True)
class Sequences:
    """n picks of U people, in the order of person and time. I items.

    items: int32 (n,), positions below item_count; timestamps: int64 (n,), unix seconds; begins: int64 (U + 1,): the
    first pick of each person, and n. liked: bool (n,), which picks may be targets; None for all.
    """

    items: NDArray[np.int32]
    timestamps: NDArray[np.int64]
    begins: NDArray[np.int64]
    item_count: int
    liked: NDArray[np.bool_] | None = None

    @classmethod
    def from_interactions(cls, interactions: Interactions) -> Self:
        """Sort by person and time; every pick may be a target. Picks of the same second keep the order of the rows."""
        order = np.lexsort((interactions.timestamps, interactions.users))
        counts = np.bincount(interactions.users, minlength=len(interactions.user_ids))
        begins = np.concatenate([[0], np.cumsum(counts)])
        return cls(interactions.items[order], interactions.timestamps[order], begins, len(interactions.item_ids))


class NextItemModel:
    """query_factors, item_factors: float32 (I, d); bias: float32 (I,); tables: what turns signals into a query."""

    def __init__(self, config: NextItemConfig | None = None) -> None:
        self.config = config or NextItemConfig()
        self.query_factors: NDArray[np.float32] = np.zeros((0, self.config.dimensions), np.float32)
        self.item_factors: NDArray[np.float32] = np.zeros((0, self.config.dimensions), np.float32)
        self.bias: NDArray[np.float32] = np.zeros(0, np.float32)
        self.tables: SequenceTables | None = None

    def fit(self, sequences: Sequences, *, threads: int | None = None) -> Self:
        """Fit by stochastic gradient descent; the result does not depend on the number of threads.

        threads: at most 2 are of use; by default as many as linear algebra may use here (``threadpoolctl``).

        Memory: about 24 bytes for each pick and 32 bytes for each factor, and 40 MB for a batch.
        """
        fitted = Fit(sequences, self.config).run(threads)
        self.query_factors, self.item_factors, self.bias = fitted["A"], fitted["V"], fitted["b"]
        self.tables = SequenceTables(
            np.array([decay.places or 0 for decay in self.config.decays], np.float32),
            np.array([decay.seconds or 0 for decay in self.config.decays], np.float32),
            fitted["gains"],
            fitted["W1"],
            fitted["b1"],
            fitted["W2"],
            self.config.signals,
        )
        return self

    def scores(self, items: NDArray[np.integer], timestamps: NDArray[np.int64]) -> NDArray[np.float32]:
        """Scores of all items for one person, float32 (I,). items, timestamps: the person's picks, newest first."""
        if self.tables is None:
            raise ValueError("The model is not fitted.")
        if not len(items):
            return self.bias.copy()
        query = self.tables.query(self.query_factors[items], timestamps)
        return np.asarray(self.item_factors @ query + self.bias, np.float32)
