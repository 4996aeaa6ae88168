"""The doctor's findings as text and as JSON."""

import json
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict

from recsys_project.doctor.findings import Finding, Level

_WIDTH = 15


def as_text(finding: Finding) -> str:
    """One finding, with what to do on a line of its own."""
    word = finding.level.upper() if finding.level in (Level.WARNING, Level.PROBLEM) else finding.level
    line = f"{word:<8} {finding.check:<{_WIDTH}} {finding.message}"
    return line + (f"\n{'':<8} {'':<{_WIDTH}} -> {finding.advice}" if finding.advice else "")


def summary(findings: Sequence[Finding]) -> str:
    """One line: how many problems and warnings there are."""
    problems, warnings = (_count(findings, level) for level in (Level.PROBLEM, Level.WARNING))
    if not problems and not warnings:
        return f"Nothing is wrong in {len({finding.check for finding in findings})} checks."
    return f"{_plural(problems, 'problem')}, {_plural(warnings, 'warning')}."


def as_json(findings: Iterable[Finding], status: int) -> str:
    """All findings, with the exit status."""
    listed = [{name: value for name, value in asdict(one).items() if name != "usable"} for one in findings]
    return json.dumps({"status": ("ok", "warning", "problem")[status], "findings": listed}, indent=2)


def report_unconfigured(error: Exception, *, machine: bool) -> int:
    """Prints what keeps the settings from loading, as JSON for a machine; returns the exit status."""
    finding = Finding("configuration", Level.PROBLEM, str(error), "See docs/settings.md.")
    text = as_json([finding], 2) if machine else f"{as_text(finding)}\n{summary([finding])}"
    sys.stdout.write(f"{text}\n")
    return 2


def _count(findings: Sequence[Finding], level: Level) -> int:
    return sum(finding.level is level for finding in findings)


def _plural(count: int, word: str) -> str:
    return f"{count} {word}{'' if count == 1 else 's'}"
