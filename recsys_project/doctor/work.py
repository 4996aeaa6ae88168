"""Queues, workers, beat, the tasks' last runs, and the stream of served lists."""

from collections.abc import Iterator

from django.conf import settings

from events.served.selectors import stream_state
from recsys_project.broker import queue_states
from recsys_project.doctor.findings import Finding, Level
from recsys_project.staff.task_board import FAILED, runs_read
from recsys_project.staff.work_figures import work_figures

# Messages that may wait before the workers are too slow.
_LONG_QUEUE = 1000
# As the alert RecsysQueueOld: a training may take so long, and another one waits for it.
_OLD_MESSAGE_SECONDS = {"default": 300, "train": 4 * 3600}
# The stream is written every ten seconds.
_OLD_ENTRY_SECONDS = 300


def queue_findings() -> Iterator[Finding]:
    """Whether each queue is read, short and moving, and whether beat fills them."""
    figures = work_figures()
    reading = {queue for worker in figures["workers"] if not worker["silent"] for queue in worker["queues"]}
    for name, (waiting, oldest_seconds) in queue_states().items():
        if name not in reading:
            text = f"No worker reads the queue {name}; {waiting} messages wait."
            process = "trainer" if name == "train" else "worker"
            yield Finding("queues", Level.PROBLEM, text, f"Start the process {process} of the Procfile.")
        elif oldest_seconds > _OLD_MESSAGE_SECONDS.get(name, 300):
            minutes = round(oldest_seconds / 60)
            text = f"The next of {waiting} messages in the queue {name} has waited for {minutes} minutes."
            advice = "The admin's dashboard shows the task that runs; a hanging worker ends by a restart."
            yield Finding("queues", Level.PROBLEM, text, advice)
        elif waiting > _LONG_QUEUE:
            text = f"{waiting} messages wait in the queue {name}."
            yield Finding("queues", Level.WARNING, text, "Start more workers, or look for a task that hangs.")
        else:
            yield Finding("queues", Level.OK, f"The queue {name} is read; {waiting} messages wait.")
    if figures["beat"]["silent"]:
        sent = figures["beat"]["sent"]
        text = (
            "Beat has sent nothing yet." if sent is None else f"Beat has sent nothing since {sent:%Y-%m-%d %H:%M} UTC."
        )
        yield Finding(
            "queues", Level.PROBLEM, text, "Start the process beat of the Procfile; no task is due without it."
        )
    else:
        yield Finding("queues", Level.OK, "Beat sends the tasks of the schedule.")


def task_findings() -> Iterator[Finding]:
    """The tasks whose last run failed."""
    runs = runs_read()
    failed = sorted(name for name, run in runs.items() if run.state == FAILED)
    for name in failed:
        advice = f"Search the log of the workers for {name}."
        yield Finding("tasks", Level.WARNING, f"The last run of {name} failed: {runs[name].cause}", advice)
    if not failed:
        yield Finding("tasks", Level.OK, f"The last run of none of {len(runs)} tasks failed.")


def stream_findings() -> Iterator[Finding]:
    """Whether the log of served lists is written, and what of it could not be."""
    if not settings.SERVED_LOG:
        yield Finding("served lists", Level.OK, "Served lists are not logged (SERVED_LOG).")
        return
    state = stream_state()
    if state.oldest_seconds > _OLD_ENTRY_SECONDS:
        text = (
            f"{state.length} served lists wait to be written, the oldest for {state.oldest_seconds / 60:.0f} minutes."
        )
        advice = "Start worker and beat; manage.py served_log drain writes them now."
        yield Finding("served lists", Level.PROBLEM, text, advice)
    else:
        yield Finding("served lists", Level.OK, f"{state.length} served lists wait to be written.")
    if state.dead:
        text = f"{state.dead} served lists could not be written."
        advice = "Search the log for served_log_entry_dead; docs/operations.md says where they are."
        yield Finding("served lists", Level.WARNING, text, advice)
