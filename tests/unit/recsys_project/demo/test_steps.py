"""What the demo prints about its steps."""

import io
from pathlib import Path

import pytest
from rich.console import Console

from recsys_project.demo import steps
from recsys_project.demo.steps import Steps


def test_a_long_command_says_that_it_still_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(steps, "_NEWS_SECONDS", 0.1)
    printed = io.StringIO()
    shown = Steps(Console(file=printed), tmp_path / "demo.log")
    with shown.step("Asking for the version") as notes:
        notes.append(shown.manage("version"))
    (line,) = printed.getvalue().splitlines()
    assert line.startswith("Asking for the version … 0 s … ")
    assert " s, peak memory " in line
    assert (tmp_path / "demo.log").read_text().strip()
