"""Numbers of the environment mean what they say, or are refused by the variable's name."""

import pytest
from django.core.exceptions import ImproperlyConfigured

from recsys_project.settings.environment import env


@pytest.mark.parametrize(("text", "number"), [("0.5", 0.5), ("-1", -1.0), ("1e3", 1000.0), ("inf", float("inf"))])
def test_a_number_is_read_as_python_reads_it(monkeypatch, text, number):
    monkeypatch.setenv("A_NUMBER", text)

    assert env.float("A_NUMBER", default=7.0) == number


@pytest.mark.parametrize("text", ["", "half", "0.5x", "0,5", "1.2.3"])
def test_what_is_no_number_is_refused_by_name(monkeypatch, text):
    monkeypatch.setenv("A_NUMBER", text)

    with pytest.raises(ImproperlyConfigured, match=rf"^A_NUMBER: '{text}' is not a number\.$"):
        env.float("A_NUMBER", default=7.0)


@pytest.mark.parametrize("text", ["", "many", "1.5", "1e3"])
def test_what_is_no_whole_number_is_refused_by_name(monkeypatch, text):
    monkeypatch.setenv("A_NUMBER", text)

    with pytest.raises(ImproperlyConfigured, match=rf"^A_NUMBER: '{text}' is not a whole number\.$"):
        env.int("A_NUMBER", default=7)


def test_without_a_variable_the_default_holds(monkeypatch):
    monkeypatch.delenv("A_NUMBER", raising=False)

    assert env.float("A_NUMBER", default=0.5) == 0.5
    assert env.int("A_NUMBER", default=7) == 7
