"""Settings of the log that are out of range are named at the start."""

import pytest

from events.served.checks import check_served_log


@pytest.mark.parametrize(("name", "value"), [("SERVED_STREAM_MAX", 0), ("SERVED_LOG_MONTHS", 0)])
def test_a_number_out_of_range_is_named(settings, name, value):
    assert check_served_log() == []
    setattr(settings, name, value)

    (error,) = check_served_log()
    assert error.msg.startswith(f"{name}: {value} ")
