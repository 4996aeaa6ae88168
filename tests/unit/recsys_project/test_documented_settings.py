"""docs/settings.md has every variable that the project reads, with its default; docs/api.md agrees on rate limits."""

import re

import pytest

from recsys_project.embedded.addresses import PROJECT_DIR
from recsys_project.settings_reference import Variable, block, reads, rows, updated, variables

HINT = "Run python -m recsys_project.settings_reference, and write what each new row means."


def read(tmp_path, source):
    path = tmp_path / "module.py"
    path.write_text(source)
    return dict(reads(path))


def test_the_page_has_each_variable_once():
    names = [row.name for row in rows(block())]

    assert sorted(names) == sorted(variables()), HINT


def test_the_page_has_the_defaults_of_the_source():
    known = variables()

    assert block().strip() == updated(block(), known).strip(), HINT
    for row in rows(block()):
        if not known[row.name].default:
            assert not re.fullmatch(r"\d[\d.]*|true|false", row.default), f"{row.name} has no default {row.default}."


def test_each_variable_has_a_meaning_in_a_sentence():
    for row in rows(block()):
        assert row.meaning.endswith("."), row.name
        assert row.default.strip(), row.name


def test_the_rate_limits_of_the_api_page_have_their_defaults():
    text = (PROJECT_DIR / "docs" / "api.md").read_text()
    found = dict(re.findall(r"^\| `(RATE_LIMIT_\w+)` \| .* \| (.*) \|$", text, re.MULTILINE))

    assert found == {name: one.default for name, one in variables().items() if name.startswith("RATE_LIMIT_")}


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ('PLACES = env.int("PLACES", default=3)', {"PLACES": "3"}),
        ('BODY = int(os.environ.get("BODY", str(2 * 1024)))', {"BODY": "2048"}),
        ('HOSTS = env.list("HOSTS", default=["a", "b"])', {"HOSTS": "`a,b`"}),
        ('KEY = os.environ["KEY"]', {"KEY": "none"}),
        ('THREADS = env.int("THREADS", default=os.cpu_count())', {"THREADS": ""}),
        ('os.environ.setdefault("SECONDS", "20")', {"SECONDS": "20"}),
        ('FOLDER = "FOLDER_OF_FILES"\nos.environ.get(FOLDER)', {"FOLDER_OF_FILES": "none"}),
        ('for one in ("READ", "WRITE"):\n    os.environ.get(one)', {"READ": "none", "WRITE": "none"}),
        ('os.environ["SET"] = "1"\nrequest.environ.get("PATH_INFO")', {}),
    ],
)
def test_a_read_of_the_environment_is_found(tmp_path, source, found):
    assert read(tmp_path, source) == found


def test_the_update_keeps_meanings_and_follows_the_source():
    text = "\n## One\n| `KEPT` | 1 | Stays. |\n| `GONE` | 2 | Goes. |\n| `TEXT` | as measured | Stays too. |\n"
    known = {"KEPT": Variable("KEPT", {"5"}), "TEXT": Variable("TEXT", {"none"}), "NEW": Variable("NEW", {"`a`"})}

    lines = updated(text, known).splitlines()

    expected = ["| `KEPT` | 5 | Stays. |", "| `TEXT` | as measured | Stays too. |", "| `NEW` | `a` |  |"]
    assert lines == ["", "## One", *expected]
