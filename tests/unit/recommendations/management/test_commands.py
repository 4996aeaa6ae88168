import logging
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from recommendations.algorithms.ratings import reading
from recommendations.models import ModelVersion, PopularMovie
from tests.factories import make_movie


def run(*args: object) -> str:
    out = StringIO()
    call_command(*args, stdout=out)
    return out.getvalue()


def test_train_prints_what_was_trained_and_how_well(world):
    text = run("train")

    for expected in ("is live", "people", "ndcg@10", "popularity", "seconds fitting", "peak memory"):
        assert expected in text
    assert ModelVersion.objects.get().status == "live"


def test_train_prints_how_far_predicted_ratings_are_off(world, monkeypatch):
    monkeypatch.setattr(reading, "MIN_RATINGS", 5)
    text = run("train")

    for expected in ("RMSE of ratings", "damped means", "MAE of ratings", "ratings held out"):
        assert expected in text


@pytest.mark.parametrize("terminal", [True, False])
def test_stages_are_not_logged_into_a_bar_on_a_terminal(world, monkeypatch, caplog, terminal):
    monkeypatch.setenv("FORCE_COLOR" if terminal else "NO_COLOR", "1")
    caplog.set_level(logging.INFO)

    run("train")

    assert ("training_stage" in caplog.text) is not terminal
    assert "version_published" in caplog.text


def test_train_on_nothing_is_a_command_error(db):
    with pytest.raises(CommandError, match="nothing to train on"):
        run("train")


def test_refreshes_say_what_they_did(world):
    run("train", "--quiet")
    make_movie("New")

    assert "1 movies" in run("refresh_embeddings")
    assert f"{PopularMovie.objects.count()} rows" in run("refresh_popular")
