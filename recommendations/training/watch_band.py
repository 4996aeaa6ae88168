"""Whether a version's online figures lie outside the band of the days before it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from events.attribution.report import wilson
from events.attribution.windows import WindowFigures

# With fewer days, their range says nothing of how days differ.
MIN_DAYS = 3


@dataclass(frozen=True, slots=True)
class BandConfig:
    """min_lists: with fewer lists neither the version nor a day is judged.

    max_click_loss: the share of the worst day's click-through that may be missing; max_share_rise: by how much the
    shares of empty and of fallback lists may exceed the worst day's. Each from 0 to 1; 1 allows anything.
    """

    min_lists: int = 500
    max_click_loss: float = 0.3
    max_share_rise: float = 0.1


@dataclass(frozen=True, slots=True)
class BandResult:
    """judged: whether there was enough data. reasons: what is outside, for staff; none if all is well."""

    judged: bool
    reasons: tuple[str, ...] = ()


def band_judge(own: WindowFigures, days: Sequence[WindowFigures], config: BandConfig) -> BandResult:
    """Compare a version with the same hours of the days before it.

    The band reaches from the worst of these days, widened by what may be lost. The version is outside if the whole 95%
    interval of its own share is, so that a few lists are not judged by chance.
    """
    enough = [day for day in days if day.lists >= config.min_lists and day.impressions]
    if own.lists < config.min_lists or not own.impressions or len(enough) < MIN_DAYS:
        return BandResult(judged=False)
    reasons = [
        _clicks_lost(own, enough, config),
        _share_risen("empty", own, enough, config),
        _share_risen("fallback", own, enough, config),
    ]
    return BandResult(judged=True, reasons=tuple(reason for reason in reasons if reason))


def _clicks_lost(own: WindowFigures, days: Sequence[WindowFigures], config: BandConfig) -> str:
    worst = min(day.opened / day.impressions for day in days)
    found = wilson(own.opened, own.impressions)
    if found is None or found.high >= worst * (1 - config.max_click_loss):
        return ""
    return f"click-through {found.rate:.2%}, on the worst of {len(days)} days before {worst:.2%}"


def _share_risen(name: str, own: WindowFigures, days: Sequence[WindowFigures], config: BandConfig) -> str:
    worst = max(getattr(day, name) / day.lists for day in days)
    found = wilson(getattr(own, name), own.lists)
    if found is None or found.low <= worst + config.max_share_rise:
        return ""
    return f"{name} lists {found.rate:.1%}, on the worst of {len(days)} days before {worst:.1%}"
