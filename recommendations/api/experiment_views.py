"""Experiments, for staff with the permissions of the model."""

from __future__ import annotations

from typing import Any

from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.clients.keys import ClientCaller
from movies.api.pagination import envelope
from recommendations.api import experiment_serializers as serializers
from recommendations.experiments import services
from recommendations.experiments.results import experiment_results
from recommendations.experiments.selectors import experiment_by_name, experiment_list
from recommendations.models import Experiment

_HEADERS = {"Cache-Control": "private, no-store"}
# The newest ones are listed.
MAX_LISTED = 100


class ExperimentPermission(BasePermission):
    """Staff with the model permission that the view names for the method; ``change`` where it names none."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        user: Any = request.user
        # A key is refused for every method that the view has; what nobody can do is a 405.
        if isinstance(user, ClientCaller):
            return not hasattr(view, str(request.method).lower())
        reads = request.method in SAFE_METHODS
        action = "view" if reads else getattr(view, "post_permission", "change")
        return bool(user and user.is_staff and user.has_perm(f"recommendations.{action}_experiment"))


class ExperimentsView(APIView):
    """All experiments."""

    permission_classes = [ExperimentPermission]
    post_permission = "add"

    @extend_schema(
        tags=["experiments"],
        summary="Experiments, newest first",
        description="For staff who may view experiments. The newest hundred.",
        operation_id="experiments_list",
        responses=serializers.ExperimentListSerializer,
    )
    def get(self, request: Request) -> Response:
        rows = list(experiment_list()[:MAX_LISTED])
        body = serializers.ExperimentListSerializer(envelope(rows)).data
        return Response(body, headers=_HEADERS)

    @extend_schema(
        tags=["experiments"],
        summary="Draft an experiment",
        description="For staff who may add experiments. Nobody is in it until it is started.",
        operation_id="experiments_create",
        request=serializers.ExperimentCreateSerializer,
        responses={201: serializers.ExperimentSerializer},
    )
    def post(self, request: Request) -> Response:
        body = serializers.ExperimentCreateSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        experiment = services.experiment_create(**body.changes())
        return _shown(experiment.name, status.HTTP_201_CREATED)


class ExperimentView(APIView):
    """One experiment."""

    permission_classes = [ExperimentPermission]

    @extend_schema(
        tags=["experiments"],
        summary="One experiment",
        operation_id="experiments_read",
        responses=serializers.ExperimentSerializer,
    )
    def get(self, request: Request, name: str) -> Response:
        return _shown(name)

    @extend_schema(
        tags=["experiments"],
        summary="Change an experiment",
        description="Anything of a draft; of a running experiment its description and its end.",
        operation_id="experiments_change",
        request=serializers.ExperimentChangeSerializer,
        responses=serializers.ExperimentSerializer,
    )
    def patch(self, request: Request, name: str) -> Response:
        experiment = _found(name)
        body = serializers.ExperimentChangeSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        services.experiment_update(experiment=experiment, **body.changes())
        return _shown(name)


class ExperimentStartView(APIView):
    """The start of a draft."""

    permission_classes = [ExperimentPermission]

    @extend_schema(
        tags=["experiments"],
        summary="Start an experiment",
        description="Its people get lists of their arms within a second. It starts once, and cannot start again.",
        operation_id="experiments_start",
        request=None,
        responses=serializers.ExperimentSerializer,
    )
    def post(self, request: Request, name: str) -> Response:
        services.experiment_start(experiment=_found(name))
        return _shown(name)


class ExperimentStopView(APIView):
    """The stop of a running experiment."""

    permission_classes = [ExperimentPermission]

    @extend_schema(
        tags=["experiments"],
        summary="Stop an experiment",
        description="Its people get normal lists within a second. Its results stay.",
        operation_id="experiments_stop",
        request=None,
        responses=serializers.ExperimentSerializer,
    )
    def post(self, request: Request, name: str) -> Response:
        services.experiment_stop(experiment=_found(name))
        return _shown(name)


class ExperimentResultsView(APIView):
    """What came of it until now."""

    permission_classes = [ExperimentPermission]

    @extend_schema(
        tags=["experiments"],
        summary="Results of an experiment",
        description="Computed now. Intervals and p-values stay valid however often they are read.",
        operation_id="experiments_results",
        responses=serializers.ResultsSerializer,
    )
    def get(self, request: Request, name: str) -> Response:
        results = experiment_results(experiment=_found(name))
        return Response(serializers.ResultsSerializer(results).data, headers=_HEADERS)


def _found(name: str) -> Experiment:
    try:
        return experiment_by_name(name)
    except Experiment.DoesNotExist as error:
        raise Http404 from error


def _shown(name: str, status_code: int = status.HTTP_200_OK) -> Response:
    return Response(serializers.ExperimentSerializer(_found(name)).data, status_code, headers=_HEADERS)
