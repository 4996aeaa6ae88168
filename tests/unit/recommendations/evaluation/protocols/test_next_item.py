"""The next-item protocol: the last rating is found, the one before it validates, and neither is trained on."""

import numpy as np
import pytest

from recommendations.algorithms.rankers.next_item import NextItemConfig
from recommendations.evaluation.protocols import Options, ProtocolError, next_item
from recommendations.evaluation.protocols.data import Ratings, read_ratings
from recommendations.evaluation.protocols.ranking import ranking_task
from tests.archives import write_zip
from tests.evaluation.small import movielens_zip

SMALL = NextItemConfig(dimensions=8, hidden_units=8, passes=30, negatives=40, batch=256)


def test_the_order_of_ratings_finds_the_last_one(tmp_path, monkeypatch):
    trained = []
    real = next_item.NextItemModel.fit
    monkeypatch.setattr(next_item.NextItemModel, "fit", lambda self, data: trained.append(data) or real(self, data))
    report = next_item.run(movielens_zip(tmp_path), Options(k=5), config=SMALL)
    assert [row.model for row in report.rows] == ["ours", "EASE", "popularity"]
    figures = {row.model: row.figures for row in report.rows}
    assert figures["ours"]["ndcg@5"] > figures["popularity"]["ndcg@5"]
    assert report.facts["ratings trained on"] == report.facts["ratings"] - 2 * report.facts["people"]
    assert len(trained[0].items) == report.facts["ratings trained on"]
    assert report.facts["item to find"] == "test"
    assert {row.model for row in report.published} >= {"SASRec", "BERT4Rec", "gSASRec"}


def test_the_validation_item_is_the_one_before_the_last(tmp_path, monkeypatch):
    hidden = []
    real = next_item.ranking_task
    monkeypatch.setattr(next_item, "ranking_task", lambda a, b, **rest: hidden.append(b) or real(a, b, **rest))
    path = movielens_zip(tmp_path)
    next_item.run(path, Options(k=5), config=SMALL, validation=True)
    ratings = next_item.core(read_ratings(path, ties_by_file=True)[1], next_item.MIN_RATINGS)
    left = next_item.places_from_end(ratings)
    assert sorted(map(tuple, hidden[0].tolist())) == sorted(
        zip(ratings.users[left == 1].tolist(), ratings.items[left == 1].tolist(), strict=True)
    )


def test_rare_people_and_items_are_removed_until_none_is_left():
    users = np.array([1, 1, 2, 2, 3])
    items = np.array([5, 6, 5, 6, 6])
    ratings = Ratings(users, items, np.ones(5, np.float32), np.arange(5))
    assert next_item.core(ratings, 2).users.tolist() == [1, 1, 2, 2]
    assert len(next_item.core(ratings, 3)) == 0
    assert next_item.places_from_end(ratings).tolist() == [1, 0, 1, 0, 0]


def test_ties_keep_the_order_of_the_file(tmp_path):
    files = {"movies.dat": b"1::A (1990)::Drama\n2::B (1991)::Drama\n", "ratings.dat": b"1::2::5::1\n1::1::5::1\n"}
    path = write_zip(tmp_path, "ties", files)
    assert read_ratings(path, ties_by_file=True)[1].items.tolist() == [2, 1]
    assert read_ratings(path)[1].items.tolist() == [1, 2]
    with pytest.raises(ProtocolError, match="Nothing is left"):
        next_item.run(path, Options(k=1))


def test_known_items_outside_the_ranked_ones_are_left_out():
    train = np.array([[1, 10], [1, 25], [1, 40]])
    task = ranking_task(train, np.array([[1, 30]]), items=np.array([10, 20, 30]))
    assert task.known.toarray().tolist() == [[1, 0, 0]]
