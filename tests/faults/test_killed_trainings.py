"""A training that is killed, stopped or too slow is begun again by the trainer itself, and published once."""

import os
import signal
import time
from functools import partial

import pytest

from tests.faults.figures import FULL, measured
from tests.faults.site import Site, await_that

# Those of the pipeline, as they are logged, between reading and writing.
PHASES = [
    "reading",
    "evaluating",
    "fitting",
    "factorising",
    "predicting ratings",
    "writing lists",
    "writing vectors",
    "writing files",
    "comparing",
]
RESUME_SECONDS = 60
only_in_full = pytest.mark.skipif(not FULL, reason="a part of ./bin/faults alone: it takes half a minute")


def begun_again(site: Site, version: int) -> bool:
    return site.version(version)[2] == 2 and site.version(version)[0] != "requested"


def published_once(site: Site, version: int, attempts: int = 2) -> None:
    """The version is live, alone, whole, and nothing of another attempt is left."""
    await_that(lambda: site.live() == [version])
    status, stage, tried, error = site.version(version)
    assert (status, stage, tried, error) == ("live", "done", attempts, "")
    [(people, listed)] = site.rows(
        "SELECT (SELECT count(DISTINCT user_id) FROM events_rating),"
        " (SELECT count(*) FROM batch_recommendations WHERE version_id = %s)",
        version,
    )
    assert listed == people
    waiting = site.rows(
        "SELECT id FROM recommendations_modelversion WHERE status IN ('requested', 'training', 'ready')"
    )
    assert waiting == []


@only_in_full
def test_a_process_killed_in_any_phase_is_resumed(own_site: Site):
    with own_site.process("trainer") as trainer:
        await_that(trainer.children, log=trainer.log)
        for phase in PHASES:
            own_site.arm(f"kill stage {phase}")
            version = own_site.request_training()
            own_site.look_for_trainings()
            await_that(own_site.reached, log=trainer.log)
            _, killed_at = own_site.reached()
            resumed_at = await_that(partial(begun_again, own_site, version), log=trainer.log)

            published_once(own_site, version)
            measured(f"kill -9 while {phase}: resumed", resumed_at - killed_at, limit=RESUME_SECONDS)


@only_in_full
def test_limits_end_a_training_with_a_reason_and_a_retry(own_site: Site):
    # A message carries the limits of who sent it.
    own_site.store.client().delete("train")
    with own_site.process("trainer", TASK_TIME_LIMIT_SECONDS="8") as trainer:
        own_site.arm("sleep stage fitting", "hang stage fitting")
        version = own_site.request_training()
        # The trainer looks for trainings when it starts; this message begins the second attempt.
        own_site.look_for_trainings()
        await_that(lambda: own_site.reached("hang"), log=trainer.log)
        first = own_site.version(version)[3]
        hung, began = own_site.reached()
        await_that(lambda: not alive(hung), log=trainer.log)
        measured("hung training: killed", time.time() - began, limit=8 + 5)
    with own_site.process("trainer"):
        published_once(own_site, version, attempts=3)

    assert "Attempt 1 of 3: it ran for more than 0 minutes (TASK_TIME_LIMIT_SECONDS)." in first
    assert "It is tried again" in first


def alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_stopped_training_is_ended_and_begun_again(own_site: Site):
    # Six seconds without a heartbeat.
    limit = {"TRAINING_STALLED_MINUTES": "0.1"}
    with own_site.process("trainer", **limit) as trainer, own_site.process("worker", **limit) as worker:
        await_that(lambda: trainer.children() and worker.children(), log=worker.log)
        own_site.arm("stop stage fitting")
        version = own_site.request_training()
        own_site.look_for_trainings()
        await_that(own_site.reached, log=trainer.log)
        stopped, at = own_site.reached()
        while alive(stopped):
            # Beat sends it each minute.
            own_site.send("workers.tasks.watch.trainings", "default")
            time.sleep(1)
            assert time.time() < at + 60, worker.log.read_text()[-6000:]
        ended_at = time.time()
        error = own_site.version(version)[3]
        own_site.look_for_trainings()
        published_once(own_site, version)

    assert "gave no sign of life for" in error
    measured("SIGSTOP of a training: ended, limit 6 s", ended_at - at, limit=15)


@only_in_full
def test_a_stopped_training_that_goes_on_writes_nothing(own_site: Site):
    limit = {"TRAINING_STALLED_MINUTES": "0.1"}
    with own_site.process("trainer", **limit) as trainer:
        await_that(trainer.children, log=trainer.log)
        own_site.arm("stop stage writing lists")
        version = own_site.request_training()
        own_site.look_for_trainings()
        await_that(own_site.reached, log=trainer.log)
        stopped, _ = own_site.reached()
        time.sleep(7)
        # A worker on another machine: it ends the attempt, and cannot kill the process.
        own_site.python(
            "-c",
            "import django; django.setup();"
            "from recommendations.training.stalled import trainings_end_stalled; trainings_end_stalled()",
            **limit,
        )
        assert own_site.version(version)[0] == "requested"
        os.kill(stopped, signal.SIGCONT)
        await_that(lambda: trainer.events("training_failed"), log=trainer.log)
        assert own_site.version(version)[0] in ("requested", "training")
        own_site.look_for_trainings()
        published_once(own_site, version)
