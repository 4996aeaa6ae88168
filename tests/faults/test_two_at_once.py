"""Two trainings, and two beats, at once: one runs, the other says that it was skipped."""

import time
from contextlib import ExitStack

from tests.faults.figures import measured
from tests.faults.site import Process, Site, await_that

SENT = "Scheduler: Sending due task"


def sent(beat: Process) -> int:
    """How many tasks a beat has sent."""
    return beat.log.read_text().count(SENT)


def begun_again(site: Site, version: int) -> bool:
    status, _, attempts, _ = site.version(version)
    return attempts == 2 and status != "requested"


def test_of_two_trainings_one_runs_and_a_killed_worker_resumes(own_site: Site):
    before = len(own_site.rows("SELECT id FROM recommendations_modelversion"))
    with own_site.process("trainer") as first:
        own_site.arm("sleep stage fitting")
        version = own_site.request_training()
        await_that(own_site.reached, log=first.log)
        live = own_site.live()

        by_hand = own_site.python("manage.py", "train", check=False)
        with own_site.process("trainer", "--hostname", "second@%h") as second:
            # It looks for trainings when it starts.
            await_that(lambda: second.events("training_skipped"), log=second.log)
            assert not second.events("training_stage")

        assert by_hand.returncode != 0
        assert "another training is running" in by_hand.stderr
        assert own_site.version(version)[:3] == ("training", "fitting", 1)
        killed_at = time.time()
        first.kill()
    assert own_site.live() == live
    with own_site.process("trainer") as third:
        # Nobody sends a task: the message of before waits for hours.
        resumed_at = await_that(lambda: begun_again(own_site, version), log=third.log)
        await_that(lambda: own_site.live() == [version], log=third.log)
    assert own_site.version(version) == ("live", "done", 2, "")
    assert len(own_site.rows("SELECT id FROM recommendations_modelversion")) == before + 1
    measured("kill -9 of the worker: resumed by a new one", resumed_at - killed_at, limit=20)


def make_due(site: Site) -> None:
    """Every entry ran an hour ago, except one, whose time was missed three hours ago."""
    site.rows(
        "UPDATE django_celery_beat_periodictask SET last_run_at = now() - CASE name WHEN 'Expired tokens'"
        " THEN interval '5 hours' ELSE interval '1 hour' END, total_run_count = 3"
    )
    site.rows(
        "UPDATE django_celery_beat_crontabschedule SET hour = %s WHERE id = (SELECT crontab_id FROM"
        " django_celery_beat_periodictask WHERE name = 'Expired tokens')",
        str((time.gmtime().tm_hour - 3) % 24),
    )


def test_of_two_beats_one_sends_what_was_missed_and_the_other_takes_over(own_site: Site):
    make_due(own_site)
    with ExitStack() as beats:
        first = beats.enter_context(own_site.process("beat"))
        await_that(lambda: first.events("missed_run_made_up"), log=first.log)
        second = beats.enter_context(own_site.process("beat"))
        await_that(lambda: second.events("beat_skipped"), log=second.log)
        time.sleep(4)

        assert sent(second) == 0
        assert len(second.events("beat_skipped")) == 1
        missed = [line["entry"] for line in first.events("missed_run_made_up")]
        assert missed.count("Expired tokens") == 1
        assert first.log.read_text().count(f"{SENT} Expired tokens") == 1

        first.kill()
        killed_at = time.time()
        taken_at = await_that(lambda: second.events("beat_schedules") and sent(second), log=second.log)
    measured("kill -9 of beat: another one sends", taken_at - killed_at, limit=20)
