import math

import pytest
from django.core import checks

from recommendations.training.settings_check import check_gate_settings


def test_the_shipped_settings_are_valid():
    assert check_gate_settings() == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("GATE_MAX_SHRINK", 1.1),
        ("GATE_MIN_PEOPLE", -1),
        ("GATE_MAX_WORSE", -0.1),
        ("GATE_MAX_LOST_LEAD", math.nan),
        ("GATE_MAX_RATING_ERROR", -0.1),
        ("WATCH_HOURS", 25.0),
        ("WATCH_HOURS", math.inf),
        ("WATCH_DAYS", 2),
        ("WATCH_MIN_LISTS", 0),
        ("WATCH_MAX_CLICK_LOSS", 2.0),
        ("WATCH_MAX_SHARE_RISE", "0.1"),
    ],
)
def test_a_wrong_setting_is_named_at_the_start(settings, name, value):
    setattr(settings, name, value)

    [error] = [error for error in checks.run_checks() if error.id == "recommendations.E007"]

    assert error.msg.startswith(f"{name}: ")
