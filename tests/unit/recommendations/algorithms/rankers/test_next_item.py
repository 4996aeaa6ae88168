"""The next-item model: right gradients, the order of picks decides, and the same data gives the same model."""

from dataclasses import replace

import numpy as np
import pytest

from recommendations.algorithms.interactions import Interactions
from recommendations.algorithms.listing.sequence_query import Decay, SequenceTables
from recommendations.algorithms.rankers import next_item_fit
from recommendations.algorithms.rankers.next_item import NextItemConfig, NextItemModel, Sequences

SMALL = NextItemConfig(dimensions=8, signals=10, hidden_units=8, passes=60, negatives=32, batch=256, query_dropout=0.1)
DAY = 86_400


def _walks(people=60, items=12, length=8, seed=0):
    """Everybody walks through the items in steps of 1 from a random start."""
    starts = np.random.default_rng(seed).integers(0, items, people)
    picks = (starts[:, None] + np.arange(length)) % items
    times = np.tile(np.arange(length) * DAY, people)
    return Interactions.from_columns(np.repeat(np.arange(people), length), picks.ravel(), timestamps=times)


def test_the_item_after_the_newest_one_ranks_first():
    model = NextItemModel(SMALL).fit(Sequences.from_interactions(_walks()))
    hits = 0
    for last in range(12):
        picks = (last - np.arange(4)) % 12
        scores = model.scores(picks, np.arange(4)[::-1] * DAY)
        scores[picks] = -np.inf
        hits += int(scores.argmax() == (last + 1) % 12)
    assert hits >= 11


def test_gradients_equal_differences_of_the_loss():
    rng = np.random.default_rng(0)
    config = replace(SMALL, negatives=30, signal_dropout=0.0, query_dropout=0.0, scale=0.5)
    begins = np.array([0, 60, 140])
    items = rng.integers(0, 30, 140).astype(np.int32)
    times = np.cumsum(rng.integers(0, 100, 140))
    fit = next_item_fit.Fit(Sequences(items, times, begins, 30), config)
    P = fit.parameters
    for name in ("W2", "b", "gains"):
        P[name] += rng.standard_normal(P[name].shape).astype(np.float32) * np.float32(0.3)
    everything = np.arange(30)
    # Runs that begin before the first pick and end after the last.
    part = next_item_fit.Part(fit, np.arange(3) * 64 - 10, everything, everything.astype(np.int32), rng)
    found, total = part.gradients()
    assert total == pytest.approx(fit.weights.sum(), rel=1e-5)
    for name in ("A", "V", "b", "gains", "W2"):
        flat = P[name].reshape(-1)
        for place in rng.choice(flat.size, 4):
            kept = flat[place]
            losses = []
            for change in (0.01, -0.01):
                flat[place] = kept + np.float32(change)
                losses.append(_loss(fit, items, times, begins))
            flat[place] = kept
            measured = (losses[0] - losses[1]) / 0.02
            assert found[name].reshape(-1)[place] == pytest.approx(measured, rel=0.03, abs=0.05)


def _loss(fit, items, times, begins):
    """The loss of each target in plain steps, summed."""
    P, decays = fit.parameters, fit.config.decays
    places, seconds = (np.array([getattr(d, name) or 0 for d in decays], np.float32) for name in ("places", "seconds"))
    tables = SequenceTables(places, seconds, P["gains"], P["W1"], P["b1"], P["W2"], fit.config.signals)
    loss = 0.0
    for begin, end in zip(begins[:-1].tolist(), begins[1:].tolist(), strict=True):
        for target in range(begin + 1, end):
            past = items[begin:target][::-1]
            query = tables.query(P["A"][past], times[begin:target][::-1]).astype(float)
            scores = P["V"].astype(float) @ query + P["b"]
            own = scores[items[target]]
            scores[np.setdiff1d(past, items[target])] = -np.inf
            loss += fit.weights[target] * (np.log(np.exp(scores - own).sum()))
    return loss


def test_gradients_by_rows_are_the_rows_of_dense_ones():
    data = Sequences.from_interactions(_walks(items=30))
    sampled = np.arange(0, 30, 3)
    column = np.full(30, -1, np.int32)
    column[sampled] = np.arange(10)
    found = []
    for most in (30, 29):
        fit = next_item_fit.Fit(data, replace(SMALL, negatives=10, max_dense_items=most))
        rng = np.random.default_rng(0)
        found.append(next_item_fit.Part(fit, np.arange(2) * 64, sampled, column, rng).gradients()[0])
    dense, by_rows = found
    for name in ("A", "V"):
        full = np.zeros_like(dense[name])
        full[by_rows[name].rows] = by_rows[name].values
        assert full == pytest.approx(dense[name], abs=1e-6)
    assert by_rows["b"] == pytest.approx(dense["b"], abs=1e-6)


def test_with_many_items_the_next_one_still_ranks_first():
    model = NextItemModel(replace(SMALL, max_dense_items=1)).fit(Sequences.from_interactions(_walks()))
    hits = 0
    for last in range(12):
        picks = (last - np.arange(4)) % 12
        scores = model.scores(picks, np.arange(4)[::-1] * DAY)
        scores[picks] = -np.inf
        hits += int(scores.argmax() == (last + 1) % 12)
    assert hits >= 11


def test_with_many_items_a_step_leaves_the_others_where_they_are():
    config = replace(SMALL, max_dense_items=1, passes=1, negatives=1)
    data = Sequences.from_interactions(_walks())
    wider = replace(data, item_count=500)
    start = next_item_fit.Fit(wider, config).parameters
    model = NextItemModel(config).fit(wider)

    assert (model.query_factors[12:] == start["A"][12:]).all()
    assert (model.query_factors[:12] != start["A"][:12]).any(axis=1).all()


def test_the_same_data_gives_the_same_model_with_any_threads():
    data = Sequences.from_interactions(_walks(people=20))
    config = replace(SMALL, passes=2)
    one, two = (NextItemModel(config).fit(data, threads=threads) for threads in (1, 2))
    assert (one.item_factors == two.item_factors).all()
    assert (one.query_factors == two.query_factors).all()
    assert (one.tables.gains == two.tables.gains).all()


def test_picks_of_the_same_second_keep_the_order_of_the_rows():
    data = Interactions.from_columns(np.array([1, 1, 1]), np.array([5, 9, 7]), timestamps=np.array([4, 2, 4]))
    assert data.item_ids[Sequences.from_interactions(data).items].tolist() == [9, 5, 7]


def test_people_with_one_pick_and_no_people_teach_nothing():
    single = Interactions.from_columns(np.array([1, 2]), np.array([5, 6]))
    model = NextItemModel(SMALL).fit(Sequences.from_interactions(single))
    assert np.isfinite(model.scores(np.array([0]), np.array([0]))).all()
    empty = Interactions.from_columns(np.zeros(0, np.int64), np.zeros(0, np.int64))
    assert NextItemModel(SMALL).fit(Sequences.from_interactions(empty)).item_factors.shape == (0, 8)


def test_without_signals_the_bias_ranks():
    model = NextItemModel(replace(SMALL, passes=1)).fit(Sequences.from_interactions(_walks()))
    assert (model.scores(np.zeros(0, np.int64), np.zeros(0, np.int64)) == model.bias).all()
    with pytest.raises(ValueError, match="not fitted"):
        NextItemModel().scores(np.array([0]), np.array([0]))


def test_tables_survive_arrays_and_later_signals_do_not_count():
    tables = NextItemModel(replace(SMALL, passes=1)).fit(Sequences.from_interactions(_walks())).tables
    again = SequenceTables.from_arrays(tables.arrays())
    factors = np.random.default_rng(0).standard_normal((15, 8)).astype(np.float32)
    times = np.arange(15)[::-1] * DAY
    assert (again.query(factors, times) == tables.query(factors[:10], times[:10])).all()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("dimensions", 0),
        ("signals", 0),
        ("negatives", 0),
        ("least_batches", 0),
        ("max_positions", 0),
        ("learning_rate", 0),
        ("weight_decay", -1),
        ("query_dropout", 1),
        ("signal_dropout", -0.1),
        ("decays", ()),
    ],
)
def test_hyperparameters_out_of_range_are_refused(field, value):
    with pytest.raises(ValueError, match=field):
        NextItemConfig(**{field: value})


def test_a_decay_is_positive():
    with pytest.raises(ValueError, match="seconds"):
        Decay(seconds=0)
