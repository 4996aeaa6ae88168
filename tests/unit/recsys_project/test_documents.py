"""Commands in the documents can be copied into a shell, and what the documents point to exists."""

import re
import shlex
import subprocess

import pytest

from recsys_project.embedded.addresses import PROJECT_DIR

DOCUMENTS = [PROJECT_DIR / "README.md", PROJECT_DIR / "CONTRIBUTING.md", *sorted((PROJECT_DIR / "docs").rglob("*.md"))]
_BLOCKS = re.compile(r"^```(?:sh|bash|shell|console)\n(.*?)^```", re.MULTILINE | re.DOTALL)
_LINKS = re.compile(r"\]\(([^)#\s]+)[^)]*\)")
_PATHS = re.compile(r"`([\w.-]+(?:/[\w.-]+)+\.(?:py|md|json|svg|html|toml))`")


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_no_shell_takes_a_url_for_a_pattern(document):
    for block in _BLOCKS.findall(document.read_text()):
        assert subprocess.run(["bash", "-n"], input=block, text=True, check=False).returncode == 0
        # What stands outside quotes and holds a pattern's characters is looked up among files; zsh ends the command.
        tokens = shlex.shlex(block, posix=False, punctuation_chars=True)
        tokens.whitespace_split = True
        assert not [token for token in tokens if token[0] not in "'\"" and "/" in token and re.search(r"[?*&]", token)]


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
