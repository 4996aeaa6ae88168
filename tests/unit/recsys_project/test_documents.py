"""Commands in the documents can be copied into a shell."""

import re
import shlex
import subprocess

import pytest

from recsys_project.embedded.addresses import PROJECT_DIR

DOCUMENTS = [PROJECT_DIR / "README.md", PROJECT_DIR / "CONTRIBUTING.md", *sorted((PROJECT_DIR / "docs").rglob("*.md"))]
_BLOCKS = re.compile(r"^```(?:sh|bash|shell|console)\n(.*?)^```", re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_no_shell_takes_a_url_for_a_pattern(document):
    for block in _BLOCKS.findall(document.read_text()):
        assert subprocess.run(["bash", "-n"], input=block, text=True, check=False).returncode == 0
        # What stands outside quotes and holds a pattern's characters is looked up among files; zsh ends the command.
        tokens = shlex.shlex(block, posix=False, punctuation_chars=True)
        tokens.whitespace_split = True
        assert not [token for token in tokens if token[0] not in "'\"" and "/" in token and re.search(r"[?*&]", token)]
