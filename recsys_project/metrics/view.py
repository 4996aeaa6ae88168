"""``/metrics`` for Prometheus: whose metrics it shows."""

import os

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest

from recsys_project import multiprocess
from recsys_project.exceptions import error_response
from recsys_project.metrics import outcomes
from recsys_project.metrics.access import refusal_of
from recsys_project.metrics.models import list_variety_metrics, model_file_metrics, model_metrics
from recsys_project.metrics.outcomes import outcome_metrics
from recsys_project.metrics.processes import MergedFiles, Processes
from recsys_project.metrics.served_log import served_log_metrics
from recsys_project.metrics.state import BROKER, DATABASE, MACHINE, REDIS, Source, StateCollector
from recsys_project.metrics.work import (
    backlog_metrics,
    disk_metrics,
    postgresql_metrics,
    queue_metrics,
    recall_metrics,
    redis_metrics,
    task_metrics,
)

_WEB = "web"
# A registry of its own, so that no other scrape queries the database or Redis. Services in this order: what a service
# that is down has no answer for is not asked again.
STATE = StateCollector(
    [
        Source("models", DATABASE, model_metrics),
        Source("model_files", DATABASE, model_file_metrics),
        Source("list_variety", DATABASE, list_variety_metrics, seconds=60),
        Source("outcomes", DATABASE, outcome_metrics, seconds=outcomes.CACHE_SECONDS),
        Source("backlog", DATABASE, backlog_metrics),
        Source("postgresql", DATABASE, postgresql_metrics, seconds=60),
        Source("tasks", REDIS, task_metrics),
        Source("index_recall", REDIS, recall_metrics, seconds=60),
        Source("served_log", REDIS, served_log_metrics, seconds=2),
        Source("redis", REDIS, redis_metrics),
        Source("queues", BROKER, queue_metrics),
        Source("disk", MACHINE, disk_metrics, seconds=60),
    ]
)
_MACHINE = CollectorRegistry()
_MACHINE.register(STATE)
_MACHINE.register(Processes())


@require_safe
def metrics(request: HttpRequest) -> HttpResponseBase:
    """All metrics in Prometheus' text format. Requires METRICS_TOKEN or, if that is unset, a loopback address.

    ``?only=web`` leaves out the workers and what the services say: a second web server of a machine would have the
    same, and sums over both would count them twice.
    """
    refusal = refusal_of(request)
    if refusal is not None:
        return refusal
    only = request.GET.get("only")
    if only not in (None, _WEB):
        return error_response(request, 400, message=f"The parameter only must be {_WEB}.")
    if only == _WEB and os.environ.get(multiprocess.VARIABLE):
        registry = CollectorRegistry()
        for collector in (MergedFiles, Processes):
            registry.register(collector(multiprocess.own_folder))
        return HttpResponse(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)
    registry = REGISTRY
    if os.environ.get(multiprocess.VARIABLE):
        registry = CollectorRegistry()
        registry.register(MergedFiles())
    return HttpResponse(generate_latest(registry) + generate_latest(_MACHINE), content_type=CONTENT_TYPE_LATEST)
