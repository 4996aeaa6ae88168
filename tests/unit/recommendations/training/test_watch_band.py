from dataclasses import replace

import pytest

from events.attribution.windows import WindowFigures
from recommendations.training.watch_band import BandConfig, band_judge

CONFIG = BandConfig(min_lists=500, max_click_loss=0.3, max_share_rise=0.1)
# Click-through 5%, 1% empty, 20% fallback.
DAY = WindowFigures(impressions=10_000, opened=500, lists=500, empty=5, fallback=100)
DAYS = [DAY, replace(DAY, opened=600), replace(DAY, opened=700, empty=10, fallback=150)]


@pytest.mark.parametrize(
    "own",
    [
        DAY,
        # 3.2%: below the band's edge of 3.5%, but that may be chance.
        replace(DAY, opened=330),
        replace(DAY, opened=9_000, empty=0, fallback=0),
        # 14% and 42%, against edges of 12% and 40%.
        replace(DAY, empty=70),
        replace(DAY, fallback=210),
    ],
)
def test_a_version_in_the_band_or_better_passes(own):
    found = band_judge(own, DAYS, CONFIG)

    assert (found.judged, found.reasons) == (True, ())


@pytest.mark.parametrize(
    ("own", "reason"),
    [
        (replace(DAY, opened=300), "click-through 3.00%, on the worst of 3 days before 5.00%"),
        (replace(DAY, opened=0), "click-through 0.00%"),
        (replace(DAY, empty=90), "empty lists 18.0%, on the worst of 3 days before 2.0%"),
        (replace(DAY, fallback=250), "fallback lists 50.0%, on the worst of 3 days before 30.0%"),
    ],
)
def test_a_version_outside_the_band_is_named(own, reason):
    [found] = band_judge(own, DAYS, CONFIG).reasons

    assert found.startswith(reason)


def test_every_reason_is_given():
    own = replace(DAY, opened=0, empty=250, fallback=250)

    assert len(band_judge(own, DAYS, CONFIG).reasons) == 3


@pytest.mark.parametrize(
    ("own", "days"),
    [
        (replace(DAY, opened=0, lists=499), DAYS),
        (replace(DAY, opened=0, impressions=0), DAYS),
        (replace(DAY, opened=0), DAYS[:2]),
        (replace(DAY, opened=0), [*DAYS[:2], replace(DAY, lists=499)]),
        (replace(DAY, opened=0), [*DAYS[:2], replace(DAY, impressions=0, opened=0)]),
        (replace(DAY, opened=0), []),
    ],
)
def test_too_little_data_is_not_judged(own, days):
    found = band_judge(own, days, CONFIG)

    assert (found.judged, found.reasons) == (False, ())


def test_each_measure_can_be_turned_off():
    own = replace(DAY, opened=0, empty=500, fallback=500)

    assert band_judge(own, DAYS, BandConfig(500, 1.0, 1.0)).reasons == ()
