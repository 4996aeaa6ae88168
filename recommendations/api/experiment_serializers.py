"""Requests and answers of the experiment endpoints."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from movies.api.fields import BoundedListField, NumberField
from movies.api.serializers import EnvelopeSerializer
from recommendations.algorithms.experiments.assignment import BUCKETS, MAX_WEIGHT
from recommendations.experiments.overrides import MAX_GROUP_CAP
from recommendations.experiments.selectors import state_of
from recommendations.experiments.services import MAX_ARMS, NewArm
from recommendations.models import Experiment
from recommendations.retrieval.config import MAX_EXPLORATION_PLACES
from recommendations.retrieval.config import MAX_WEIGHT as MAX_BLEND

_NAME = r"^[-a-zA-Z0-9_]+\Z"
_BAD_NAME: Any = {"invalid": "Letters A to Z, digits, hyphens and underscores only."}


class BlendOverridesSerializer(serializers.Serializer[Any]):
    batch = NumberField(required=False, min_value=0, max_value=MAX_BLEND)
    realtime = NumberField(required=False, min_value=0, max_value=MAX_BLEND)
    newer_decay = NumberField(required=False, min_value=0, max_value=MAX_BLEND)
    batch_floor = NumberField(required=False, min_value=0, max_value=1)
    popularity_prior = NumberField(required=False, min_value=0, max_value=MAX_BLEND)


class OverridesSerializer(serializers.Serializer[Any]):
    """What differs from normal serving; what is left out stays."""

    blend = BlendOverridesSerializer(required=False)
    diversity = NumberField(required=False, min_value=0, max_value=1)
    group_cap = serializers.IntegerField(required=False, min_value=0, max_value=MAX_GROUP_CAP)
    exploration_places = serializers.IntegerField(required=False, min_value=0, max_value=MAX_EXPLORATION_PLACES)
    model_version = serializers.IntegerField(
        required=False, min_value=1, max_value=2**31 - 1, help_text="The version that ranks instead of the live one."
    )
    holdout = serializers.BooleanField(
        required=False, help_text="Lists without personalisation, popular and by filter; alone, without other fields."
    )


class ArmSerializer(serializers.Serializer[Any]):
    name = serializers.RegexField(_NAME, max_length=60, error_messages=_BAD_NAME)
    weight = serializers.IntegerField(required=False, default=1, min_value=1, max_value=MAX_WEIGHT)
    control = serializers.BooleanField(
        required=False, default=False, help_text="The others are compared with it; exactly one arm."
    )
    overrides = OverridesSerializer(required=False)


class ExperimentChangeSerializer(serializers.Serializer[Any]):
    """What can be set: all of a draft; of a running experiment only ``description`` and ``ends_at``."""

    description = serializers.CharField(required=False, allow_blank=True, max_length=2000)
    metric = serializers.ChoiceField(required=False, choices=Experiment.Metric.choices)
    effect = NumberField(
        required=False,
        min_value=1e-9,
        max_value=1e9,
        help_text="The smallest difference worth finding, in units of the metric; by default one for the metric.",
    )
    share = NumberField(required=False, min_value=1 / BUCKETS, max_value=1, help_text="The share of the people.")
    ends_at = serializers.DateTimeField(required=False, allow_null=True, help_text="When it ends by itself.")
    arms = BoundedListField(required=False, child=ArmSerializer(), min_length=2, max_length=MAX_ARMS)

    def changes(self) -> dict[str, Any]:
        """The arguments of the services."""
        values = dict(self.validated_data)
        if "arms" in values:
            values["arms"] = [_new_arm(arm) for arm in values["arms"]]
        return values


class ExperimentCreateSerializer(ExperimentChangeSerializer):
    name = serializers.RegexField(
        _NAME, max_length=60, error_messages=_BAD_NAME, help_text="Unique; it is in answers and in the log of lists."
    )
    arms = BoundedListField(child=ArmSerializer(), min_length=2, max_length=MAX_ARMS)


def _new_arm(values: dict[str, Any]) -> NewArm:
    overrides = dict(values.get("overrides", {}))
    if "blend" in overrides:
        overrides["blend"] = dict(overrides["blend"])
    return NewArm(values["name"], values["weight"], values["control"], overrides)


class StoredArmSerializer(serializers.Serializer[Any]):
    name = serializers.CharField()
    weight = serializers.IntegerField()
    control = serializers.BooleanField()
    overrides = OverridesSerializer()


class ExperimentSerializer(serializers.Serializer[Any]):
    name = serializers.CharField()
    description = serializers.CharField()
    status = serializers.SerializerMethodField(help_text="stopped also once its end has passed.")
    metric = serializers.ChoiceField(choices=Experiment.Metric.choices)
    effect = serializers.FloatField()
    share = serializers.FloatField()
    salt = serializers.CharField(help_text="Of the hash that assigns arms.")
    buckets = serializers.SerializerMethodField(
        help_text="The reserved buckets, from and to (excluded); null in a draft."
    )
    created_at = serializers.DateTimeField()
    started_at = serializers.DateTimeField(allow_null=True)
    ends_at = serializers.DateTimeField(allow_null=True)
    stopped_at = serializers.DateTimeField(allow_null=True)
    arms = StoredArmSerializer(many=True)

    def get_status(self, experiment: Experiment) -> str:
        return state_of(experiment)

    def get_buckets(self, experiment: Experiment) -> list[int] | None:
        return None if experiment.buckets is None else [experiment.buckets.lower, experiment.buckets.upper]


class ExperimentListSerializer(EnvelopeSerializer):
    items = ExperimentSerializer(many=True)


class IntervalSerializer(serializers.Serializer[Any]):
    low = serializers.FloatField()
    high = serializers.FloatField()


class ComparisonSerializer(serializers.Serializer[Any]):
    difference = serializers.FloatField(help_text="To the control, in units of the metric.")
    relative = serializers.FloatField(allow_null=True, help_text="Divided by the control's mean; null if that is 0.")
    standard_error = serializers.FloatField(help_text="Of the difference, at this look alone.")
    interval = IntervalSerializer(help_text="Holds at all looks together; corrected for the number of arms.")
    p_value = serializers.FloatField(
        help_text="Valid whenever it is read. Compare it with alpha divided by the number of arms beside the control."
    )
    detectable = serializers.FloatField(help_text="The difference that data like these show four times of five.")


class ArmResultSerializer(serializers.Serializer[Any]):
    name = serializers.CharField()
    control = serializers.BooleanField()
    people = serializers.IntegerField(help_text="Who were shown a list of the arm.")
    impressions = serializers.IntegerField(help_text="How often a list, or a page of it, was shown.")
    mean = serializers.FloatField(allow_null=True, help_text="The metric; null without data.")
    interval = IntervalSerializer(allow_null=True, help_text="Of the mean; null with too little data.")
    comparison = ComparisonSerializer(allow_null=True, help_text="Null for the control, and with too little data.")


class ResultsSerializer(serializers.Serializer[Any]):
    experiment = serializers.CharField(source="experiment.name")
    status = serializers.SerializerMethodField()
    metric = serializers.ChoiceField(choices=Experiment.Metric.choices, source="experiment.metric")
    effect = serializers.FloatField(source="experiment.effect")
    as_of = serializers.DateTimeField(help_text="Everything until then is counted.")
    alpha = serializers.FloatField(help_text="The chance that any arm shows a difference that is not there.")
    arms = ArmResultSerializer(many=True)
    sample_ratio_p = serializers.FloatField(
        help_text="How well the numbers of people fit the weights; below 0.001 something is broken."
    )
    people_needed = serializers.IntegerField(
        allow_null=True, help_text="In each arm, to find the effect four times of five; null while unknown."
    )
    warnings = serializers.ListField(child=serializers.CharField())

    def get_status(self, results: Any) -> str:
        return state_of(results.experiment)
