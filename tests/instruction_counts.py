"""Counts the instructions of Python that something runs, and compares them with performance_baseline.json.

Time on a busy machine varies by far more than what a change costs; the number of instructions hardly does. They are
those of all Python code, of Django and other packages too, in the calling thread; what C code does is not in them. Each
version of Python has a baseline of its own, since each compiles to other instructions.
"""

import json
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.query_counts import UPDATE

FILE = Path(__file__).with_name("performance_baseline.json")
# How many more instructions than in the baseline are no regression.
TOLERANCE = 0.1
PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
HOW_TO_UPDATE = f"""
Where that is meant, write the new numbers into tests/{FILE.name} and commit it:
    {UPDATE}=1 ./bin/test tests/unit/recsys_project/test_instruction_counts.py"""


def instructions(run: Callable[[], Any]) -> int:
    """How many instructions ``run`` takes in this thread."""
    count = 0

    def trace(frame: Any, event: str, arg: Any) -> Any:
        nonlocal count
        if event == "opcode":
            count += 1
        elif event == "call":
            frame.f_trace_opcodes, frame.f_trace_lines = True, False
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        run()
    finally:
        sys.settrace(before)
    return count


def compare(found: Mapping[str, int], file: Path = FILE, python: str = PYTHON) -> None:
    """Fails if something takes over TOLERANCE more than in the baseline, or is not in it; skips where this version of
    Python has none; with UPDATE_QUERY_COUNTS set, writes it instead."""
    committed: dict[str, dict[str, int]] = json.loads(file.read_text()) if file.exists() else {}
    if os.environ.get(UPDATE):
        file.write_text(json.dumps(committed | {python: dict(found)}, indent=2, sort_keys=True) + "\n")
        return
    if python not in committed:
        pytest.skip(f"tests/{file.name} has no numbers of Python {python}.{HOW_TO_UPDATE}")
    baseline = committed[python]
    problems = [
        f"{name}: not in the baseline, found {found[name]:,}" for name in sorted(found.keys() - baseline.keys())
    ]
    problems += [f"{name}: in the baseline, not measured" for name in sorted(baseline.keys() - found.keys())]
    problems += [
        f"{name}: {found[name]:,} instructions, {found[name] / baseline[name] - 1:.0%} more than {baseline[name]:,}"
        for name in sorted(found.keys() & baseline.keys())
        if found[name] > (1 + TOLERANCE) * baseline[name]
    ]
    if problems:
        pytest.fail("\n".join(["Instructions of Python:", *problems, HOW_TO_UPDATE]), pytrace=False)
