from dataclasses import replace
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from movies.db.advisory_locks import session_lock
from recommendations.algorithms.configs import config_from_json
from recommendations.algorithms.feedback import FeedbackConfig
from recommendations.algorithms.pipeline.tune import Limits, TunedConfig
from recommendations.models import ModelVersion, TuningRun, TuningTrial
from recommendations.training import attempts, tuning
from recommendations.training import config as tuned
from recommendations.training import services as training
from workers.tasks import training as training_tasks
from workers.tasks.training import tune as tune_task

FEW = Limits(trials=4, seconds=600)


def found(**fields) -> TuningRun:
    """A finished run that found fair ratings to say little."""
    config = TunedConfig(feedback=FeedbackConfig(fair_rating=0.25)).as_dict()
    return TuningRun.objects.create(**{"status": "finished", "improves": True, "configuration": config, **fields})


def test_every_trial_and_the_outcome_are_recorded(world):
    run = TuningRun.objects.get(pk=tuning.tuning_run(limits=FEW, seed=3).pk)

    assert (run.status, run.error, run.seed, run.people) == ("finished", "", 3, 12)
    assert run.finished_at >= run.started_at
    trials = list(TuningTrial.objects.filter(run=run))
    assert [trial.number for trial in trials] == [0, 1, 2, 3]
    assert trials[0].part == "shipped"
    assert trials[0].value == run.shipped_value
    assert max(trial.value for trial in trials) == run.best_value
    better = run.best_value > run.shipped_value and run.best_holdout_value > run.shipped_holdout_value
    assert run.improves == better
    assert "regularization" in trials[1].parameters
    assert config_from_json(TunedConfig, run.configuration)


def test_the_next_training_uses_what_the_newest_run_found(world):
    found()

    version = training.training_run()

    assert version.hyperparameters["feedback"]["fair_rating"] == 0.25
    assert version.status == ModelVersion.Status.LIVE


@pytest.mark.parametrize(
    "fields",
    [{"improves": False}, {"status": "failed"}, {"status": "running"}, {"configuration": {"ranker": {"odd": 1}}}],
)
def test_a_run_without_gain_or_not_readable_is_ignored(db, fields):
    found(**fields)

    assert tuned.tuned_config() == tuned.shipped_config()


def test_a_run_of_an_earlier_release_is_read(db):
    found(configuration={"ranker": {"similar_people_weight": 0.4}})

    assert tuned.tuned_config().ranker == replace(tuned.shipped_config().ranker, user_knn_weight=0.4)


def test_the_newest_finished_run_decides(db):
    found()
    found(improves=False)
    TuningRun.objects.create(status="failed")

    assert tuned.tuned_config() == tuned.shipped_config()


def test_the_limit_of_items_is_that_of_the_settings(db, settings):
    found()
    settings.TRAINING_MAX_ITEMS = 123

    assert tuned.tuned_config().ranker == replace(tuned.shipped_config().ranker, max_items=123)


def test_a_tuning_on_nothing_says_so_in_its_row(db):
    with pytest.raises(training.TrainingError, match="nothing to train on"):
        tuning.tuning_run(limits=FEW)

    run = TuningRun.objects.get()
    assert run.status == "failed"
    assert "nothing to train on" in run.error


def test_a_failure_keeps_the_trials_and_the_shipped_config(world):
    def stop(trial) -> None:
        if trial.number == 1:
            raise RuntimeError("killed")

    with pytest.raises(attempts.TrainingError, match=r"^RuntimeError: killed$"):
        tuning.tuning_run(limits=FEW, on_trial=stop)

    run = TuningRun.objects.get()
    assert (run.status, run.error) == ("failed", "RuntimeError: killed")
    assert run.trials.count() == 2
    assert tuned.tuned_config() == tuned.shipped_config()


def test_a_run_whose_process_is_gone_is_marked_by_the_next(world):
    gone = TuningRun.objects.create()

    tuning.tuning_run(limits=FEW)

    gone.refresh_from_db()
    assert (gone.status, gone.error, gone.interrupted) == ("failed", attempts.CRASHED, True)


@pytest.fixture
def searches(monkeypatch) -> list[str]:
    """What asked for each search; none is really made."""
    made: list[str] = []
    monkeypatch.setattr(tuning, "tuning_run", lambda **kwargs: made.append(kwargs["trigger"]))
    return made


def test_a_week_that_was_missed_is_made_up_once(db, searches):
    slot = timezone.now() - timedelta(days=5)
    TuningRun.objects.create(status="finished", trigger="weekly", started_at=slot - timedelta(days=7))

    tuning.tuning_run_due(slot=slot, limits=FEW)
    assert searches == ["weekly"]

    TuningRun.objects.create(status="finished", trigger="weekly", started_at=slot + timedelta(days=2))
    tuning.tuning_run_due(slot=slot, limits=FEW)
    tuning.tuning_run_due(slot=None, limits=FEW)
    assert searches == ["weekly"]


def test_a_search_that_broke_off_is_begun_again_three_times(db, searches, settings):
    slot = timezone.now() - timedelta(days=5)
    settings.TRAINING_RETRY_MINUTES = 0
    for attempt in range(1, 4):
        tuning.tuning_run_due(slot=slot, limits=FEW)
        assert len(searches) == attempt
        # As a killed process leaves it.
        TuningRun.objects.create(trigger="weekly")

    tuning.tuning_run_due(slot=slot, limits=FEW)
    assert len(searches) == 3
    assert not TuningRun.objects.filter(status="running").exists()


def test_a_search_that_cannot_succeed_waits_for_the_next_week(db, searches):
    slot = timezone.now() - timedelta(days=5)
    TuningRun.objects.create(status="failed", trigger="weekly", error="too little feedback")

    tuning.tuning_run_due(slot=slot, limits=FEW)

    assert searches == []


def test_no_tuning_while_a_training_runs(committed_world, monkeypatch):
    monkeypatch.setattr(tuning, "session_lock", lambda name: held_by_another())
    with pytest.raises(training.TrainingBusyError):
        tuning.tuning_run(limits=FEW)
    assert not TuningRun.objects.exists()
    assert tune_task() is None


class held_by_another:  # noqa: N801 -- it stands for session_lock.
    def __enter__(self) -> bool:
        return False

    def __exit__(self, *error: object) -> None:
        return None


def test_the_lock_is_that_of_training(world, monkeypatch):
    names = []

    def spy(name: str):
        names.append(name)
        return session_lock(name)

    monkeypatch.setattr(tuning, "session_lock", spy)
    tuning.tuning_run(limits=FEW)

    assert names == ["training"]


def test_the_weekly_task_searches_within_the_settings(world, settings, monkeypatch):
    settings.TUNING_TRIALS = 3
    monkeypatch.setattr(training_tasks, "latest_slot", lambda task, now: now)

    run = TuningRun.objects.get(pk=tune_task())

    assert (run.trigger, run.status, run.trials.count()) == ("weekly", "finished", 3)


def test_the_command_shows_the_best_trials_and_before_and_after(world):
    out = StringIO()

    call_command("tune", "--trials", "4", stdout=out)

    for expected in ("Best trials", "shipped", "on a second split", "Training "):
        assert expected in out.getvalue()
    assert TuningRun.objects.get().trigger == "manual"


@pytest.mark.parametrize("arguments", [["--trials", "0"], ["--minutes", "0"], ["--minutes", "nan"], ["--seed", "-1"]])
def test_limits_that_make_no_sense_are_refused(db, arguments):
    with pytest.raises(CommandError, match=arguments[0]):
        call_command("tune", *arguments)

    assert not TuningRun.objects.exists()


def test_staff_see_runs_and_trials_and_change_none(world, admin_client):
    run = tuning.tuning_run(limits=FEW)

    listing = admin_client.get("/admin/recommendations/tuningrun/")
    page = admin_client.get(f"/admin/recommendations/tuningrun/{run.pk}/change/")

    assert listing.status_code == page.status_code == 200
    assert b"regularization" in page.content
    assert b'name="_save"' not in page.content
    assert admin_client.get("/admin/recommendations/tuningrun/add/").status_code == 403
