"""``/metrics`` for Prometheus, and the counters of Celery tasks."""

import hmac
import os
from collections.abc import Iterable
from pathlib import Path

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from accounts.authentication import bearer_credentials
from recsys_project import multiprocess
from recsys_project.exceptions import error_response
from recsys_project.ratelimits import client_address

# Labels are few and bounded: never a host, a person or a task's id.
TASKS = Counter("celery_tasks_total", "Celery tasks by name and final state.", ["task", "state"])
TASK_SECONDS = Histogram(
    "celery_task_duration_seconds",
    "How long Celery tasks ran.",
    ["task"],
    buckets=(0.01, 0.05, 0.1, 0.5, 1, 5, 15, 60, 300, 900, 3600),
)


class _AllProcesses(Collector):
    """The sums over the files of every process on this machine, web and worker."""

    def collect(self) -> Iterable[Metric]:
        folder = Path(os.environ[multiprocess.VARIABLE])
        yield from MultiProcessCollector.merge(multiprocess.all_files(folder), accumulate=True)


@require_safe
def metrics(request: HttpRequest) -> HttpResponseBase:
    """All metrics in Prometheus' text format, for whoever holds METRICS_TOKEN or, where that is unset, for loopback."""
    refusal = _refusal(request)
    if refusal is not None:
        return refusal
    registry = REGISTRY
    if os.environ.get(multiprocess.VARIABLE):
        registry = CollectorRegistry()
        registry.register(_AllProcesses())
    return HttpResponse(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)


def _refusal(request: HttpRequest) -> HttpResponseBase | None:
    if settings.METRICS_TOKEN:
        given = bearer_credentials(request) or ""
        if hmac.compare_digest(given.encode(), settings.METRICS_TOKEN.encode()):
            return None
        response = error_response(request, 401, message="Send the metrics token as Authorization: Bearer.")
        response["WWW-Authenticate"] = 'Bearer realm="metrics"'
        return response
    # A proxy on this machine that nobody told us of makes everyone look like loopback; its header gives it away.
    through_unknown_proxy = settings.TRUSTED_PROXIES == 0 and (
        "HTTP_X_FORWARDED_FOR" in request.META or "HTTP_FORWARDED" in request.META
    )
    address = client_address(request)
    if address is not None and address.is_loopback and not through_unknown_proxy:
        return None
    return error_response(request, 403, message="Metrics are for this machine only, until METRICS_TOKEN is set.")
