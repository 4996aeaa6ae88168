"""Tables that several commands print."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from rich.table import Table

from recommendations.algorithms.pipeline.tune import Trial

MAX_TRIALS_SHOWN = 10


def trials_table(trials: Iterable[Trial]) -> Table:
    """The best trials, best first."""
    table = Table("trial", "searched", "nDCG@10", "seconds", "parameters", title="Best trials")
    best = sorted((trial for trial in trials if trial.value is not None), key=lambda trial: -(trial.value or 0))
    for trial in best[:MAX_TRIALS_SHOWN]:
        parameters = ", ".join(f"{name} {_short(value)}" for name, value in trial.parameters.items())
        table.add_row(str(trial.number), trial.part, f"{trial.value:.4f}", f"{trial.seconds:.1f}", parameters)
    return table


def outcome_table(outcome: Mapping[str, float | bool | None]) -> Table:
    """nDCG@10 of the shipped and the found configuration, on the search's split and on the second one."""
    table = Table("nDCG@10", "shipped", "found", title="Validation")
    table.add_row("on the split of the search", _short(outcome["shipped_value"]), _short(outcome["best_value"]))
    table.add_row("on a second split", _short(outcome["shipped_holdout_value"]), _short(outcome["best_holdout_value"]))
    table.caption = "Training uses the found one." if outcome["improves"] else "Training keeps the shipped one."
    return table


def _short(value: object) -> str:
    return f"{value:.4f}" if isinstance(value, float) else str(value)
