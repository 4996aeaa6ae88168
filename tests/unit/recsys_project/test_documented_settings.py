"""Operators must find every variable that a setting reads in the documentation."""

import re

import pytest

from recsys_project.embedded.addresses import PROJECT_DIR

# env("NAME"), env.int("NAME", ...), os.environ.get("NAME", ...), os.environ["NAME"]
READ = re.compile(r'\b(?:env(?:\.\w+)?\(|environ(?:\.get\(|\[))\s*"([A-Z_]+)"')
SETTINGS = PROJECT_DIR / "recsys_project" / "settings"
# Those of one machine and of the tests are not for operators.
SOURCES = [
    *sorted(path.name for path in SETTINGS.glob("*.py") if path.stem not in ("__init__", "local", "test")),
    "../gunicorn.py",
]
PAGES = ("docs/operations.md", "docs/api.md")


@pytest.mark.parametrize("source", SOURCES)
def test_every_variable_that_is_read_is_documented(source):
    read = set(READ.findall((SETTINGS / source).read_text()))
    documented = set(re.findall(r"[A-Z_]{4,}", " ".join((PROJECT_DIR / page).read_text() for page in PAGES)))

    assert sorted(read - documented) == []
