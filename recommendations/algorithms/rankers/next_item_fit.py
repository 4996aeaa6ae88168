"""Fits the next-item model in NumPy: forward and backward passes over runs of positions, and Adam.

A batch is a number of runs of RUN positions each. The histories of a run's positions overlap, so one matrix product of
decay weights with the factors of the run's signals gives the decayed sums of all its positions.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from threadpoolctl import threadpool_limits

from recommendations.algorithms.listing.sequence_query import EPSILON
from recommendations.algorithms.threads import thread_count

if TYPE_CHECKING:
    from recommendations.algorithms.rankers.next_item import NextItemConfig, Sequences

RUN = 64
# A batch is split into this number of parts, whatever the number of threads, so that sums do not depend on it.
PARTS = 2
_DECAYING = ("A", "V", "W1", "W2")
_BETAS = (0.9, 0.99)
_WARM_UP = 0.05
_MASKED = np.float32(-1e9)

Arrays = dict[str, NDArray[np.float32]]


@dataclass(frozen=True, slots=True)
class RowGradient:
    """The gradient of some rows of a table: ascending positions, int64 (m,), and float32 (m, d)."""

    rows: NDArray[np.int64]
    values: NDArray[np.float32]

    @classmethod
    def sum(cls, rows: NDArray[np.integer], values: NDArray[np.float32]) -> Self:
        """Sum the values (n, d) of each row, (n,)."""
        found, place = np.unique(rows, return_inverse=True)
        return cls(found.astype(np.int64), _sum_by_item(place, values, len(found)))

    def __add__(self, other: Self) -> Self:
        return self.sum(np.concatenate([self.rows, other.rows]), np.concatenate([self.values, other.values]))

    def __truediv__(self, weight: np.float32) -> Self:
        return type(self)(self.rows, self.values / weight)


Gradients = dict[str, NDArray[np.float32] | RowGradient]


class Fit:
    """One fit. parameters: A, V: (I, d); b: (I,); gains: (K, d); W1: (d, h); b1: (h,); W2: (h, d); all float32."""

    def __init__(self, sequences: Sequences, config: NextItemConfig) -> None:
        self.data = sequences
        self.config = config
        counts = np.diff(sequences.begins)
        self.begin_of: NDArray[np.int64] = np.repeat(sequences.begins[:-1], counts)
        self.end_of: NDArray[np.int64] = np.repeat(sequences.begins[1:], counts)
        weights = np.repeat(np.maximum(counts, 1) ** -config.person_exponent, counts)
        # Nothing precedes a person's first pick, so that it is no target.
        weights[self.begin_of == np.arange(len(weights))] = 0.0
        self.weights = weights.astype(np.float32)
        liked = np.ones(len(weights), np.bool_) if sequences.liked is None else sequences.liked
        self.liked: NDArray[np.int64] = np.flatnonzero(liked)
        # Whether gradients name the rows of the items' tables that a batch changes.
        self.by_rows = sequences.item_count > config.max_dense_items
        self.parameters = self._start()
        self._lags()

    def _start(self) -> Arrays:
        config, items = self.config, self.data.item_count
        rng = np.random.default_rng(config.random_state)
        d, h, K = config.dimensions, config.hidden_units, len(config.decays)

        def draw(shape: tuple[int, int], scale: float) -> NDArray[np.float32]:
            return rng.standard_normal(shape, np.float32) * np.float32(scale)

        bias = 0.5 * np.log1p(np.bincount(self.data.items, minlength=items))
        return {
            "A": draw((items, d), config.scale),
            "V": draw((items, d), config.scale),
            "b": (bias - bias.mean()).astype(np.float32) if items else np.zeros(0, np.float32),
            "gains": np.full((K, d), K**-0.5, np.float32),
            "W1": draw((d, h), d**-0.5),
            "b1": np.zeros(h, np.float32),
            "W2": np.zeros((h, d), np.float32),
        }

    def _lags(self) -> None:
        """Weights by place of each signal of a run for each of its positions, (K, RUN, signals of the run)."""
        signals = self.config.signals
        newer = np.arange(RUN)[:, None] + signals - np.arange(RUN + signals - 1)[None] - 1
        inside = (newer >= 0) & (newer < signals)
        tables = [decay.by_place(np.maximum(newer, 0)) * inside for decay in self.config.decays]
        self.by_place = np.stack(tables).astype(np.float32)

    def run(self, threads: int | None = None) -> Arrays:
        """Train, and return the parameters. threads: by default as many as linear algebra may use, at most PARTS."""
        threads = threads or min(PARTS, thread_count())
        config, n = self.config, len(self.data.items)
        runs = -(-n // RUN) + 1
        used = min(runs, max(config.max_positions // (config.passes * RUN), 1))
        size = max(min(config.batch // RUN, used * config.passes // config.least_batches), 1)
        batches = -(-used // size)
        adam = Adam(self.parameters, config.weight_decay)
        total, rng = batches * config.passes, np.random.default_rng([config.random_state, 1])
        if not self.weights.any():
            return self.parameters
        with threadpool_limits(1, "blas"), ThreadPoolExecutor(threads) as pool:
            for number in range(config.passes):
                order = rng.permutation(runs)[:used]
                shift = int(rng.integers(RUN))
                for place in range(batches):
                    starts = order[place * size : (place + 1) * size] * RUN - shift
                    step = number * batches + place
                    gradients = self._batch(starts, rng, step, pool)
                    if gradients is not None:
                        adam.step(self.parameters, gradients, config.learning_rate * _schedule(step / total))
        return self.parameters

    def row_sums(self, items: NDArray[np.integer], values: NDArray[np.float32]) -> NDArray[np.float32] | RowGradient:
        """The sum of the values (n, d) of each item, of all items or of those that occur."""
        if self.by_rows:
            return RowGradient.sum(items, values)
        return _sum_by_item(items, values, self.data.item_count)

    def _batch(
        self, starts: NDArray[np.int64], rng: np.random.Generator, step: int, pool: ThreadPoolExecutor
    ) -> Gradients | None:
        """The gradients of the mean loss over a batch; None without a target."""
        count = min(self.config.negatives, self.data.item_count)
        sampled = np.sort(rng.choice(self.data.item_count, count, replace=False))
        column = np.full(self.data.item_count, -1, np.int32)
        column[sampled] = np.arange(count)
        parts = np.array_split(starts, PARTS)

        def part(number: int) -> tuple[Gradients, float] | None:
            generator = np.random.Generator(np.random.SFC64([self.config.random_state, step, number]))
            return Part(self, parts[number], sampled, column, generator).gradients()

        found = [result for result in pool.map(part, range(PARTS)) if result is not None]
        if not found:
            return None
        weight = np.float32(sum(total for _, total in found))
        gradients = found[0][0]
        for other, _ in found[1:]:
            for name, value in other.items():
                gradients[name] = gradients[name] + value  # type: ignore[operator]  # The same kind in every part.
        return {name: value / weight for name, value in gradients.items()}


class Part:
    """The forward and backward pass over one part of a batch: n positions, S signals a run, m sampled items."""

    def __init__(
        self,
        fit: Fit,
        starts: NDArray[np.int64],
        sampled: NDArray[np.int64],
        column: NDArray[np.int32],
        rng: np.random.Generator,
    ) -> None:
        self.fit, self.config, self.parameters, self.rng = fit, fit.config, fit.parameters, rng
        self.sampled, self.column = sampled, column
        size, data = len(fit.weights), fit.data
        positions = starts[:, None] + np.arange(RUN)
        inside = (positions >= 0) & (positions < size)
        self.positions = np.clip(positions, 0, size - 1)
        weights = np.where(inside, fit.weights[self.positions], np.float32(0)).ravel()
        targets = self._draw_targets()
        weights[(targets < 0) | (fit.begin_of[targets] != fit.begin_of[self.positions.ravel()])] = 0
        self.chosen = np.flatnonzero(weights)
        self.weights = weights[self.chosen]
        # A position is that of the next pick. Its target is that pick or, with a horizon, a later one.
        self.next = self.positions.ravel()[self.chosen]
        self.targets = targets[self.chosen]
        signals = starts[:, None] - self.config.signals + np.arange(RUN + self.config.signals - 1)
        self.signals = np.clip(signals, 0, size - 1)
        own = signals[:, None, :] >= fit.begin_of[self.positions][:, :, None]
        self.decayed = self._decayed_weights(own, data.timestamps)

    def _draw_targets(self) -> NDArray[np.int64]:
        """One of the next liked picks for each position, perhaps another person's; -1 where the data ends before."""
        liked, positions = self.fit.liked, self.positions.ravel()
        if not len(liked):
            return np.full(len(positions), -1, np.int64)
        later = self.rng.integers(0, self.config.horizon, len(positions))
        at = np.searchsorted(liked, positions) + later
        return np.where(at < len(liked), liked[np.minimum(at, len(liked) - 1)], -1)

    def _decayed_weights(self, own: NDArray[np.bool_], timestamps: NDArray[np.int64]) -> NDArray[np.float32]:
        """The weight of each signal for each decay and position, float32 (runs, K x RUN, S)."""
        newest = timestamps[np.maximum(self.positions - 1, 0)]
        ages = np.maximum(newest[:, :, None] - timestamps[self.signals][:, None, :], 0).astype(np.float32)
        mask = own.astype(np.float32)
        decays, (runs, _, width) = self.config.decays, own.shape
        weights = np.empty((runs, len(decays), RUN, width), np.float32)
        for k, decay in enumerate(decays):
            np.multiply(mask, self.fit.by_place[k], out=weights[:, k])
            by_time = decay.by_time(ages)
            if by_time is not None:
                weights[:, k] *= by_time
        return weights.reshape(runs, len(decays) * RUN, width)

    def gradients(self) -> tuple[Gradients, float] | None:
        """Gradients of the summed loss, and the sum of the weights; None without a target."""
        if not len(self.chosen):
            return None
        P, config = self.parameters, self.config
        K, d, runs = len(config.decays), config.dimensions, len(self.positions)
        items = self.fit.data.items[self.signals]
        signals = P["A"][items]
        keep = np.float32(1 / (1 - config.signal_dropout))
        kept = np.where(self.rng.random(items.shape, np.float32) >= config.signal_dropout, keep, np.float32(0))
        signals *= kept[:, :, None]
        sums = (self.decayed @ signals).reshape(runs, K, RUN, d)
        linear = np.einsum("rktd,kd->rtd", sums, P["gains"]).reshape(-1, d)[self.chosen]
        found, d_linear = self._hidden_and_loss(linear)
        full = np.zeros((runs * RUN, d), np.float32)
        full[self.chosen] = d_linear
        d_queries = full.reshape(runs, 1, RUN, d)
        found["gains"] = np.einsum("rktd,rtd->kd", sums, d_queries[:, 0])
        d_sums = np.multiply(d_queries, P["gains"][None, :, None, :], out=sums)
        d_signals = self.decayed.transpose(0, 2, 1) @ d_sums.reshape(runs, K * RUN, d)
        d_signals *= kept[:, :, None]
        found["A"] = self.fit.row_sums(items.ravel(), d_signals.reshape(-1, d))
        return found, float(self.weights.sum())

    def _hidden_and_loss(self, linear: NDArray[np.float32]) -> tuple[Gradients, NDArray[np.float32]]:
        """Gradients of the hidden layer, the item factors and the bias; and of the linear query, (n, d)."""
        P, config = self.parameters, self.config
        centred = linear - linear.mean(axis=1, keepdims=True)
        scale = 1 / np.sqrt(np.square(centred).mean(axis=1, keepdims=True) + np.float32(EPSILON))
        normal = centred * scale
        hidden = normal @ P["W1"]
        hidden += P["b1"]
        np.maximum(hidden, 0, out=hidden)
        query = hidden @ P["W2"]
        query += linear
        keep = np.float32(1 / (1 - config.query_dropout))
        kept = np.where(self.rng.random(query.shape, np.float32) >= config.query_dropout, keep, np.float32(0))
        query *= kept
        found, d_query = self._loss(query)
        d_query *= kept
        found["W2"] = hidden.T @ d_query
        d_hidden = d_query @ P["W2"].T
        d_hidden *= hidden > 0
        found["W1"] = normal.T @ d_hidden
        found["b1"] = d_hidden.sum(axis=0)
        d_normal = d_hidden @ P["W1"].T
        along = np.einsum("nd,nd->n", d_normal, normal)[:, None] / np.float32(config.dimensions)
        d_normal -= d_normal.mean(axis=1, keepdims=True)
        d_normal -= normal * along
        d_normal *= scale
        d_query += d_normal
        return found, d_query

    def _loss(self, query: NDArray[np.float32]) -> tuple[Gradients, NDArray[np.float32]]:
        """Cross-entropy of each target against the sampled items that the person has not picked before.

        Returns gradients of V and b, and of the query, (n, d).
        """
        P, data = self.parameters, self.fit.data
        targets = data.items[self.targets]
        factors, wanted = P["V"][self.sampled], P["V"][targets]
        scores = query @ factors.T
        # A sampled item stands for this number of items.
        scores += P["b"][self.sampled] + np.float32(np.log(data.item_count / len(self.sampled)))
        np.putmask(scores, self._picked(), _MASKED)
        own = np.einsum("nd,nd->n", query, wanted) + P["b"][targets]
        top = np.maximum(scores.max(axis=1), own)
        scores -= top[:, None]
        np.exp(scores, out=scores)
        own = np.exp(own - top)
        norm = self.weights / (scores.sum(axis=1) + own)
        scores *= norm[:, None]
        own = own * norm - self.weights
        d_query = np.asarray(scores @ factors, np.float32)
        d_query += own[:, None] * wanted
        d_V, d_sampled = self.fit.row_sums(targets, own[:, None] * query), np.asarray(scores.T @ query, np.float32)
        if isinstance(d_V, RowGradient):
            d_V += RowGradient(self.sampled, d_sampled)
        else:
            d_V[self.sampled] += d_sampled
        d_b = np.bincount(targets, own, data.item_count).astype(np.float32)
        d_b[self.sampled] += scores.sum(axis=0)
        return {"V": d_V, "b": d_b}, d_query

    def _picked(self) -> NDArray[np.bool_]:
        """Whether each sampled item is the target or was picked before the position, bool (n, m)."""
        fit, m = self.fit, len(self.sampled)
        begins, person = np.unique(fit.begin_of[self.next], return_inverse=True)
        ends = fit.end_of[begins]
        first = np.full((len(begins), m), len(fit.weights), np.int32)
        for row, (begin, end) in enumerate(zip(begins.tolist(), ends.tolist(), strict=True)):
            columns = self.column[fit.data.items[begin:end]]
            # The first pick of an item is assigned last.
            there = np.flatnonzero(columns >= 0)[::-1]
            first[row, columns[there]] = there + begin
        picked: NDArray[np.bool_] = first[person] < self.next[:, None]
        picked |= self.sampled == self.fit.data.items[self.targets][:, None]
        return picked


def _sum_by_item(items: NDArray[np.integer], rows: NDArray[np.float32], count: int) -> NDArray[np.float32]:
    """The sum of the rows (n, d) of each item, float32 (count, d)."""
    n = len(items)
    picks = csr_array((np.ones(n, np.float32), items, np.arange(n + 1)), shape=(n, count))
    return np.asarray(picks.T @ rows, np.float32)


def _schedule(share: float) -> float:
    """The learning rate's factor: a linear rise, then half a cosine."""
    if share < _WARM_UP:
        return max(share / _WARM_UP, 0.005)
    return max(0.5 * (1 + float(np.cos(np.pi * (share - _WARM_UP) / (1 - _WARM_UP)))), 0.005)


class Adam:
    """Adam with decoupled weight decay of the factors and weights. The small tables learn at half the rate."""

    def __init__(self, parameters: Arrays, weight_decay: float) -> None:
        self.mean = {name: np.zeros_like(value) for name, value in parameters.items()}
        self.square = {name: np.zeros_like(value) for name, value in parameters.items()}
        self.weight_decay = weight_decay
        self.steps = 0

    def step(self, parameters: Arrays, gradients: Gradients, rate: float) -> None:
        """Move the parameters in place; uses up the gradients. Rows that a gradient does not name stay as they are."""
        self.steps += 1
        first, second = _BETAS
        unbias = np.float32((1 - second**self.steps) ** -0.5)
        for name, gradient in gradients.items():
            tables = parameters[name], self.mean[name], self.square[name]
            rows, slope = (gradient.rows, gradient.values) if isinstance(gradient, RowGradient) else (None, gradient)
            value, mean, square = tables if rows is None else [table[rows] for table in tables]
            own = rate if name in _DECAYING else 0.5 * rate
            mean += np.float32(1 - first) * (slope - mean)
            square += np.float32(1 - second) * (np.square(slope) - square)
            root = np.sqrt(square, out=slope)
            root *= unbias
            root += np.float32(1e-8)
            change = np.divide(mean, root, out=root)
            change *= np.float32(own / (1 - first**self.steps))
            if name in _DECAYING:
                value *= np.float32(1 - own * self.weight_decay)
            value -= change
            if rows is not None:
                for table, moved in zip(tables, (value, mean, square), strict=True):
                    table[rows] = moved
