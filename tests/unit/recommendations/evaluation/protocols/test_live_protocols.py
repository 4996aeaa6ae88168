"""New users and the temporal protocol: who is shown what, and nothing from after the point of prediction."""

from dataclasses import replace

import numpy as np
import pytest

from recommendations.algorithms.listing.blending import BlendConfig
from recommendations.algorithms.listing.scoring import ScoredItems
from recommendations.algorithms.listing.serving_parameters import ServingParameters
from recommendations.algorithms.pipeline.serving_simulator import ServingSimulator
from recommendations.algorithms.rankers.next_item import NextItemConfig
from recommendations.evaluation.protocols import Options, ProtocolError, new_users, temporal
from recommendations.evaluation.protocols.base import SERVED
from recommendations.evaluation.protocols.data import Ratings, read_ratings
from tests.archives import write_zip
from tests.evaluation.small import metadata_csv, movielens_zip


def _ratings(*rows):
    users, items, ratings, times = (np.array(column) for column in zip(*rows, strict=True))
    return Ratings(users, items, ratings.astype(np.float32), times)


# --- New users -------------------------------------------------------------------------------------------------------
def test_people_unknown_to_the_model_get_lists_of_their_taste(tmp_path, monkeypatch):
    trained = []
    real = new_users.train
    monkeypatch.setattr(new_users, "train", lambda data, *rest: trained.append(data) or real(data, *rest))
    path = movielens_zip(tmp_path)
    report = new_users.run(path, Options(k=3, metadata=metadata_csv(tmp_path)), people=10)

    figures = {row.model: row.figures for row in report.rows}
    assert figures["ours"]["ndcg@3 after 5"] > figures["popularity"]["ndcg@3 after 5"]
    held = new_users.held_out_people(np.unique(read_ratings(path)[1].users), 10, 0)
    assert len(held) == 10
    assert not np.isin(trained[0].user_ids, held).any()


def test_the_oldest_likes_are_shown_and_short_histories_skipped():
    rows = [(1, 10 + place, 5, place) for place in range(7)] + [(2, 10 + place, 5, place) for place in range(6)]
    shown, hidden = new_users.first_likes(_ratings(*rows), 2)
    assert set(shown.users) == set(hidden.users) == {1}
    assert shown.timestamps.tolist() == [0, 1]
    assert hidden.timestamps.tolist() == [2, 3, 4, 5, 6]


def test_data_in_which_nobody_likes_enough_is_an_error(tmp_path):
    files = {"movies.dat": b"1::A (1990)::Drama\n2::B (1991)::Drama\n", "ratings.dat": b"1::1::5::1\n2::2::5::2\n"}
    with pytest.raises(ProtocolError, match="empty"):
        new_users.run(write_zip(tmp_path, "few", files), Options(k=1))


# --- Temporal --------------------------------------------------------------------------------------------------------
def test_the_model_is_trained_on_nothing_later_than_the_moment(tmp_path, monkeypatch):
    trained = []
    real = temporal.train
    monkeypatch.setattr(temporal, "train", lambda data, *rest: trained.append(data) or real(data, *rest))
    path = movielens_zip(tmp_path)
    report = temporal.run(path, Options(k=3))

    _, ratings = read_ratings(path)
    moment, later = temporal.split_at(ratings.timestamps, share=temporal.LATER_SHARE)
    assert trained[0].timestamps.max() <= moment
    assert len(trained[0]) == int((~later).sum()) == report.facts["ratings trained on"]
    assert [row.model for row in report.rows] == [
        "blend",
        "batch alone",
        "real time alone",
        "blend, folded hourly",
        "batch alone, folded hourly",
        "popularity",
    ]
    assert "blend over batch alone" in report.facts


def test_an_earlier_window_ends_before_the_reported_ratings(tmp_path, monkeypatch):
    seen = []
    real = temporal.followed_tasks
    monkeypatch.setattr(
        temporal, "followed_tasks", lambda data, *rest, **named: seen.append(data) or real(data, *rest, **named)
    )
    path = movielens_zip(tmp_path)
    temporal.run(path, Options(k=3), until=0.8)

    _, ratings = read_ratings(path)
    assert seen[0].timestamps.max() <= np.quantile(ratings.timestamps, 0.8)


def test_data_of_one_second_is_an_error(tmp_path):
    files = {"movies.dat": b"1::A (1990)::Drama\n", "ratings.dat": b"1::1::5::1\n2::1::5::1\n"}
    with pytest.raises(ProtocolError, match="empty"):
        temporal.run(write_zip(tmp_path, "second", files), Options(k=1))


# --- The simulated answer --------------------------------------------------------------------------------------------
FACTORS = np.array([[1, 0], [0.9, 0.1], [0, 1], [0.1, 0.9], [0, 0]], np.float32)
SIMULATOR = ServingSimulator(FACTORS, FACTORS, np.array([4, 2, 0, 1, 3]), np.array([3.0, 2.0, 4.0, 1.0, 5.0]))
NOTHING = np.zeros(0, np.int64)


def test_a_stranger_gets_what_is_popular():
    assert SIMULATOR.recommend([], [], NOTHING, 3, blending=BlendConfig()).tolist() == [4, 2, 0]


def test_a_new_person_gets_what_is_near_and_never_what_they_have():
    answer = SIMULATOR.recommend([0], [5.0], np.array([0]), 2, blending=BlendConfig(popularity_prior=0.0))
    assert answer.tolist() == [1, 3]


def test_a_known_person_gets_both_layers_then_popular_movies():
    batch = ScoredItems(np.array([3, 0]), np.array([2.0, 1.0]))
    answer = SIMULATOR.recommend([2], [5.0], np.array([2]), 5, blending=BlendConfig(), batch=batch)
    assert answer[0] == 3
    assert sorted(answer.tolist()) == [-1, 0, 1, 3, 4]


def test_without_the_speed_layer_the_nightly_list_is_served():
    batch = ScoredItems(np.array([3, 0]), np.array([2.0, 1.0]))
    blending = BlendConfig(batch=1.0, realtime=0.0)
    answer = SIMULATOR.recommend([], [], np.array([2]), 2, blending=blending, batch=batch)
    assert answer.tolist() == [3, 0]


def test_signals_newer_than_the_batch_lower_its_weight():
    batch = ScoredItems(np.array([3, 0]), np.array([2.0, 1.0]))
    asked = {"blending": BlendConfig(), "batch": batch}
    fresh = SIMULATOR.recommend([1], [5.0], np.array([1]), 2, **asked)
    stale = SIMULATOR.recommend([1], [5.0], np.array([1]), 2, newer=1, **asked)

    assert fresh.tolist() == [3, 0]
    assert stale.tolist() == [0, 3]


def test_a_newer_signal_without_factors_does_not_count_as_newer():
    batch = ScoredItems(np.array([3, 0]), np.array([2.0, 1.0]))
    answer = SIMULATOR.recommend([4, 1], [5.0, 5.0], np.array([1, 4]), 2, blending=BlendConfig(), batch=batch, newer=1)

    assert answer.tolist() == [3, 0]


def test_a_dislike_in_the_simulation_lowers_similar_movies_alone():
    popular = SIMULATOR.recommend([1], [np.nan], np.array([1]), 4, blending=BlendConfig(), kinds=["dislike"])
    assert popular.tolist() == [4, 2, 3, 0]


def test_a_next_item_model_joins_the_query_of_both_protocols(tmp_path):
    small = NextItemConfig(dimensions=8, hidden_units=8, passes=5, negatives=40, batch=256, horizon=5)
    path, options = movielens_zip(tmp_path), Options(k=3)
    served = replace(SERVED, serving_validation=None)
    plain, joined = (temporal.run(path, options, config=replace(served, next_item=c)) for c in (None, small))
    figures = [{row.model: row.figures["ndcg@3"] for row in report.rows} for report in (plain, joined)]
    assert figures[0]["batch alone"] == figures[1]["batch alone"]
    assert figures[1]["real time alone"] > figures[1]["popularity"]
    assert joined.hyperparameters["training"]["next_item"]["horizon"] == 5
    assert joined.hyperparameters["served with"] == ServingParameters().as_dict()

    report = new_users.run(path, options, people=10, config=replace(new_users.CONFIG, next_item=small))
    ours = {row.model: row.figures for row in report.rows}
    assert ours["ours"]["ndcg@3 after 5"] > ours["popularity"]["ndcg@3 after 5"]
