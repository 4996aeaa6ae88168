"""The command that lists, starts, stops and reads experiments."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from recommendations.models import Experiment
from tests.unit.recommendations.experiments.factories import draft, running

pytestmark = pytest.mark.django_db


def run(*arguments: str) -> tuple[str, str]:
    """What it printed, on standard output and on standard error."""
    out, err = StringIO(), StringIO()
    call_command("experiments", *arguments, stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


def test_the_list_names_status_and_arms():
    draft("one")
    running("two", share=0.25)

    out, _ = run("list")

    assert "control*, treatment" in out
    assert "25.00%" in out
    assert out.index("two") < out.index("one")


def test_an_empty_list_says_how_to_draft_one():
    out, err = run("list")

    assert out == ""
    assert "There are no experiments. Draft one" in err


def test_one_is_started_and_stopped():
    draft("one")

    assert run("start", "one")[0] == "Experiment one is running.\n"
    assert Experiment.objects.get().status == "running"
    assert run("stop", "one")[0] == "Experiment one is stopped.\n"
    assert Experiment.objects.get().status == "stopped"


def test_what_is_not_possible_is_an_error():
    draft("one")

    with pytest.raises(CommandError, match="never started"):
        run("stop", "one")
    with pytest.raises(CommandError, match="There is no experiment 'two'"):
        run("start", "two")
    assert Experiment.objects.get().status == "draft"


def test_results_are_printed_with_warnings():
    running("one")

    out, err = run("results", "one")

    assert "one: click_through" in out
    assert "control (control)" in out
    assert "fewer than 100 people" in err
