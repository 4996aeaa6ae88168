"""Folding lists by the hourly task and by the command."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from recommendations.models import ModelVersion
from tests.unit.recommendations.training.nights import Night
from workers.tasks import folding as task

pytestmark = pytest.mark.django_db


@pytest.fixture
def night() -> Night:
    return Night()


def test_the_hourly_task_is_off_unless_set(night, settings):
    person = night.person()
    night.event(person, 0)

    assert task.hourly() == "off (FOLD_LISTS)"
    assert night.places(person) == [3, 4, 5]
    settings.FOLD_LISTS = True

    assert task.hourly().startswith(f"1 of 1 lists of version {night.version.pk} folded in ")
    assert night.places(person)[0] == 1


def test_the_command_folds_and_says_how_many(night):
    for person in (night.person(), night.person()):
        night.event(person, 0)
    out = StringIO()

    call_command("train", "--incremental", "--people", "1", stdout=out)

    assert "1 of 2 lists" in out.getvalue()
    assert "1 wait" in out.getvalue()
    assert ModelVersion.objects.count() == 1


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (["--incremental", "--force"], "--force"),
        (["--incremental", "--data", "x", "--out", "y"], "--data"),
        (["--incremental", "--people", "0"], "--people"),
        (["--people", "5"], "--incremental"),
    ],
)
def test_options_that_do_not_go_together_are_refused(options, named):
    with pytest.raises(CommandError, match=named):
        call_command("train", *options, stdout=StringIO())


def test_the_command_names_what_is_missing(night):
    ModelVersion.objects.update(artefacts={})

    with pytest.raises(CommandError, match="keeps no model of lists"):
        call_command("train", "--incremental", "--quiet", stdout=StringIO())
