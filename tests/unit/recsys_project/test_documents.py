"""Commands in the documents can be copied into a shell, and what the documents point to exists."""

import re
import shlex
import subprocess

import pytest

from recsys_project.embedded.addresses import PROJECT_DIR

DOCUMENTS = [PROJECT_DIR / "README.md", PROJECT_DIR / "CONTRIBUTING.md", *sorted((PROJECT_DIR / "docs").rglob("*.md"))]
_BLOCK = re.compile(r"^```([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_COMMAND = re.compile(r"^(\./bin/|curl |manage\.py )", re.MULTILINE)
_SHELL = "sh"
_LINKS = re.compile(r"\]\(([^)#\s]+)[^)]*\)")
_PATHS = re.compile(r"`([\w.-]+(?:/[\w.-]+)+\.(?:py|md|json|svg|html|toml))`")

BLOCKS = [
    pytest.param(language, block, id=f"{path.name}-{number}")
    for path in DOCUMENTS
    for number, (language, block) in enumerate(_BLOCK.findall(path.read_text()))
]
COMMANDS = [case for case in BLOCKS if case.values[0] == _SHELL]


def patterns(block: str) -> list[str]:
    """The unquoted words that a shell matches with file names: paths and URLs with ?, * or &. zsh then stops."""
    tokens = shlex.shlex(block, posix=False, punctuation_chars=True)
    tokens.whitespace_split = True
    return [token for token in tokens if token[0] not in "'\"" and "/" in token and re.search(r"[?*&]", token)]


@pytest.mark.parametrize(("language", "block"), BLOCKS)
def test_commands_are_marked_as_shell(language, block):
    assert language == _SHELL or not _COMMAND.search(block)


@pytest.mark.parametrize(("language", "block"), COMMANDS)
def test_commands_are_syntax_that_a_shell_takes_as_it_is(language, block):
    assert subprocess.run(["bash", "-n"], input=block, text=True, check=False).returncode == 0
    assert not patterns(block)


def test_the_documents_have_commands():
    assert "README.md-0" in [case.id for case in COMMANDS]


@pytest.mark.parametrize(
    ("block", "found"),
    [
        ("curl -s localhost:8000/api/movies/?limit=5", ["localhost:8000/api/movies/?limit=5"]),
        ("curl -s 'localhost:8000/api/movies/?limit=5'", []),
        ("./bin/manage train --data ml-1m.zip  # why?", []),
    ],
)
def test_an_unquoted_pattern_is_found(block, found):
    assert patterns(block) == found


@pytest.fixture(scope="module")
def project_files():
    """The paths of all files of the project, each with a leading slash."""
    apps = ["accounts", "events", "movies", "recommendations", "recsys_project", "workers"]
    files = (path for folder in [*apps, "benchmarks", "docs", "tests"] for path in (PROJECT_DIR / folder).rglob("*.*"))
    return [f"/{path.relative_to(PROJECT_DIR)}" for path in files]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_to_files(document):
    links = [link for link in _LINKS.findall(document.read_text()) if "://" not in link]
    assert not [link for link in links if not (document.parent / link).exists()]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_paths_name_files_of_the_project(document, project_files):
    """A path may leave out its first folders, as in ``serving/gather.py``."""
    paths = _PATHS.findall(document.read_text())
    assert not [path for path in paths if not any(file.endswith(f"/{path}") for file in project_files)]
