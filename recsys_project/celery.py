"""The Celery application, configured by Django's settings with the prefix ``CELERY_``.

The hooks here apply to all tasks: JSON logs, the request id inherited from the sender, and the folder of metrics, which
workers.task_metrics counts.
"""

import logging.config
import os
import sys
import time
from functools import cached_property
from pathlib import Path
from typing import Any

import structlog
from celery import Celery, signals
from celery.loaders.app import AppLoader
from django.conf import settings
from django_structlog.celery.receivers import CeleryReceiver
from django_structlog.celery.signals import bind_extra_task_metadata, modify_context_before_task_publish
from kombu.exceptions import OperationalError

from recsys_project import multiprocess
from recsys_project.logging import configure_structlog, log_everything

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "recsys_project.settings.local")

_TRAININGS = "workers.tasks.training.*"
# The log context that a task inherits from the request or task that sent it.
_INHERITED = {"request_id", "user_id", "parent_task_id"}


class Loader(AppLoader):
    """Celery's loader, which sets the folder of a worker's metrics before Django is set up."""

    def init_worker(self) -> None:
        multiprocess.prepare("worker")
        super().init_worker()


class App(Celery):
    """Celery with the project's worker and beat, which print nothing."""

    @cached_property
    def Worker(self) -> Any:  # noqa: N802 -- Celery's name.
        return self.subclass_with_self("recsys_project.celery_programs:Worker")  # type: ignore[arg-type]  # It takes names, too.

    @cached_property
    def Beat(self) -> Any:  # noqa: N802 -- Celery's name.
        return self.subclass_with_self("recsys_project.celery_programs:Beat")  # type: ignore[arg-type]  # It takes names, too.


# Workers and beat log as JSON even before logging is set up; other commands print plain text.
if "celery" in Path(sys.argv[0]).parts[-2:] and {"worker", "beat"} & set(sys.argv[1:]):
    configure_structlog()
    log_everything()

app = App("recsys_project", loader="recsys_project.celery:Loader", task_cls="workers.task_metrics:MeasuredTask")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks(["workers"])

# Adds the sender's request id to task messages; the worker's signals are connected below.
_structlog_receiver = CeleryReceiver()
_structlog_receiver.connect_signals()


@signals.setup_logging.connect
def _log_as_json(**kwargs: Any) -> None:
    """Sets up logging in place of Celery."""
    log_everything()
    logging.config.dictConfig(settings.LOGGING)


@signals.celeryd_init.connect
def _start_worker(**kwargs: Any) -> None:
    from recsys_project.celery_programs import log_signals  # noqa: PLC0415 -- of workers only.
    from recsys_project.staff import task_signals  # noqa: PLC0415 -- it needs the settings.

    log_signals()
    _structlog_receiver.connect_worker_signals()
    task_signals.connect()
    multiprocess.begin(multiprocess.prepare("worker"))


@signals.worker_ready.connect
def _look_for_trainings(sender: Any = None, **kwargs: Any) -> None:
    """A trainer that starts takes up at once what its predecessor left, instead of at beat's next minute."""
    queue = settings.CELERY_TASK_ROUTES[_TRAININGS]["queue"]
    if queue not in sender.app.amqp.queues.consume_from:
        return
    try:
        app.send_task("workers.tasks.training.run_due", queue=queue, expires=55, retry=False)
    except OperationalError as error:
        structlog.get_logger(__name__).warning("training_not_looked_for", reason=str(error))


def _inherit(context: dict[str, Any], **kwargs: Any) -> None:
    for name in set(context) - _INHERITED:
        del context[name]


modify_context_before_task_publish.connect(_inherit)


def _name_task(task: Any, **kwargs: Any) -> None:
    """Each line of a task has its name, that of its failure too."""
    structlog.contextvars.bind_contextvars(task=task.name)


bind_extra_task_metadata.connect(_name_task)


@signals.before_task_publish.connect
def _say_when(headers: dict[str, Any] | None = None, **kwargs: Any) -> None:
    """Notes in the message when it was sent, for the age of queues and the wait of tasks."""
    if isinstance(headers, dict):
        headers.setdefault("sent_at", time.time())


@signals.worker_process_init.connect
def _merge_ended(**kwargs: Any) -> None:
    """A child that replaces an ended one merges its metrics, so that their files do not grow in number."""
    multiprocess.merge_ended(multiprocess.prepare("worker"))


@signals.task_postrun.connect
def _observe_process(**kwargs: Any) -> None:
    from recsys_project.metrics.processes import observe_process  # noqa: PLC0415 -- imported after prepare().

    observe_process()
