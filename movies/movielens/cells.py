"""Parses cells of third-party tables: words for missing values, integers written as floats, and lists in many formats.

Lists are parsed in one pass over their tokens, without recursion, so that deep nesting cannot exhaust the stack.
"""

import ast
import json
import re

from movies.text import normalise_line

# Missing values as pandas, R, SQL and people write them. Case is ignored, except for NA: na is a language code.
_MISSING = frozenset(
    ("", "nan", "none", "null", "nil", "n/a", "<na>", "#n/a", "\\n", "[]", "{}", "()", "-nan", "nat", "undefined")
)
_FLOAT = re.compile(r"([0-9]+)\.0*")
_TOKEN = re.compile(
    r"""\s*(?:
        (?P<text>[uUbB]?(?:'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"))
        |(?P<mark>[\[\](){},:])
        |(?P<word>[^\s'"\[\](){},:]+)
    )\s*""",
    re.VERBOSE | re.DOTALL,
)
# The start of a list that a program wrote. A truncated list is an error, not a name.
_LIST = re.compile(r"""(?:[\[{(]\s*)+[uUbB]?['"]|\[\s*[\[{(]""")
_CLOSES = {"]": "[", ")": "(", "}": "{"}
_NUMBER = re.compile(r"[-+]?[0-9.]+(?:[eE][-+]?[0-9]+)?")
# Suffixes after a comma that belong to the name before it: Robert Downey, Jr.
_SUFFIX = re.compile(r"(?:jr|sr|ii|iii|iv|m\.?d|ph\.?d|esq)\.?", re.IGNORECASE)
_MAX_DEPTH = 20


def strip_missing(cell: str) -> str:
    """The cell without surrounding whitespace; empty if it denotes a missing value."""
    word = cell.strip()
    return "" if word == "NA" or (len(word) <= 9 and word.lower() in _MISSING) else word


def whole_number(cell: str) -> str:
    """The cell without the ".0" of an integer written as a float; other cells are returned unchanged."""
    found = _FLOAT.fullmatch(cell)
    return found[1] if found else cell


def cell_names(cell: str) -> tuple[str, ...]:
    """The names in a cell, normalised, in their order and without duplicates (ignoring case).

    Names are separated by ``|``, else by semicolons, else by commas; or the cell is a JSON, Python or NumPy list of
    texts or of objects with a ``name``. Raises ValueError for a list that cannot be read.
    """
    word = strip_missing(cell)
    if not word:
        return ()
    if _LIST.match(word) or word[0] + word[-1] == "[]":
        parts = _listed(word)
    else:
        separator = next((mark for mark in "|;" if mark in word), ",")
        parts = word.split(separator) if separator != "," else _comma_parts(word)
    names: dict[str, str] = {}
    for name in map(normalise_line, parts):
        if strip_missing(name):
            names.setdefault(name.casefold(), name)
    return tuple(names.values())


def _comma_parts(word: str) -> list[str]:
    parts: list[str] = []
    for part in word.split(","):
        if parts and _SUFFIX.fullmatch(part.strip()):
            parts[-1] = f"{parts[-1]},{part}"
        else:
            parts.append(part)
    return parts


def _listed(word: str) -> list[str]:
    reader = _ListReader()
    place = 0
    while place < len(word):
        token = _TOKEN.match(word, place)
        if token is None:
            raise ValueError("a list cannot be read")
        place = token.end()
        if token["mark"]:
            reader.mark(token["mark"])
        elif token["text"]:
            reader.value(_unquoted(token["text"]), quoted=True)
        else:
            reader.value(token["word"], quoted=False)
    return reader.end()


def _unquoted(text: str) -> str:
    plain = text.lstrip("uUbB")
    if "\\" not in plain:
        return plain[1:-1]
    try:
        return str(json.loads(plain) if plain[0] == '"' else ast.literal_eval(plain))
    except (ValueError, SyntaxError):
        pass
    try:
        return str(ast.literal_eval(plain))
    except (ValueError, SyntaxError) as error:
        raise ValueError("a list cannot be read") from error


class _ListReader:
    """Consumes the tokens of a list and collects the names: texts, and the ``name`` of objects."""

    def __init__(self) -> None:
        self._names: list[str] = []
        self._open: list[str] = []
        self._unquoted_words: list[str] = []
        self._last: str | None = None
        self._key: str | None = None

    def mark(self, mark: str) -> None:
        """Consumes a bracket, a comma or a colon."""
        if mark == ":":
            self._key, self._last = self._last, None
            return
        self._flush()
        if mark == ",":
            return
        if mark not in _CLOSES:
            self._open.append(mark)
            if len(self._open) > _MAX_DEPTH:
                raise ValueError("a list is nested too deeply")
        elif not self._open or self._open.pop() != _CLOSES[mark]:
            raise ValueError("a list cannot be read")

    def value(self, value: str, *, quoted: bool) -> None:
        """Consumes a quoted text, or one of the unquoted words of a name."""
        depth = len(self._open)
        if not depth:
            raise ValueError("a list cannot be read")
        if self._open[-1] == "{":
            if self._key is None:
                self._last = value
            elif self._key.lower() == "name" and depth <= 2 and quoted:
                self._names.append(value)
                self._key = None
        elif depth == 1 and quoted:
            self._names.append(value)
        elif depth == 1:
            self._unquoted_words.append(value)

    def end(self) -> list[str]:
        """The collected names. Raises ValueError if a bracket is not closed."""
        if self._open:
            raise ValueError("a list cannot be read")
        return self._names

    def _flush(self) -> None:
        """Ends an element: joins unquoted words into one name, and adds a text in braces that is no key."""
        joined = " ".join(self._unquoted_words)
        if _NUMBER.fullmatch(joined):
            raise ValueError("a list holds numbers, not names")
        if joined:
            self._names.append(joined)
        if self._last is not None and self._key is None and len(self._open) == 1:
            self._names.append(self._last)
        self._unquoted_words, self._last, self._key = [], None, None
