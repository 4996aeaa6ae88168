"""The tables of docs/settings.md, against the source: ``python -m recsys_project.settings_reference`` updates them.

The source says which variables there are and what their defaults are; the page says what each one means, in a row of
its own. The update writes defaults, removes rows of variables that nothing reads, and adds rows without a meaning for
the author to fill in.
"""

import ast
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from recsys_project.embedded.addresses import PROJECT_DIR

PAGE = PROJECT_DIR / "docs" / "settings.md"
BEGIN, END = "<!-- settings: begin -->", "<!-- settings: end -->"
_APPS = ("recsys_project", "workers", "recommendations", "events", "movies", "accounts")
# Settings of the test suite are not for operators; those of one machine give other defaults to some of the variables.
_TESTS, _LOCAL = "recsys_project/settings/test.py", "recsys_project/settings/local.py"
# Read by libraries alone, or by their own name for them.
_LIBRARIES = ("OPENBLAS_NUM_THREADS", "OTEL_EXPORTER_OTLP_ENDPOINT", "SCRIPT_NAME")
_ROW = re.compile(r"^\| `(?P<name>[A-Z_0-9]+)` \| (?P<default>[^|]*) \| (?P<meaning>.*) \|$")
_NAME = re.compile(r"[A-Z][A-Z_0-9]+")
_ENV, _OS = "env", "os.environ"


@dataclass(slots=True)
class Variable:
    """An environment variable that the project reads.

    ``defaults`` are as the page writes them, and empty where the source computes one.
    """

    name: str
    defaults: set[str] = field(default_factory=set)

    @property
    def default(self) -> str:
        """The only default, as the page writes it. Empty where the page says what applies: nothing is set, the source
        computes it, or it differs between processes.
        """
        return next(iter(self.defaults)) if len(self.defaults - {"none"}) == len(self.defaults) == 1 else ""


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the page: a variable, its default and its meaning, as Markdown."""

    name: str
    default: str
    meaning: str

    def __str__(self) -> str:
        return f"| `{self.name}` | {self.default} | {self.meaning} |"


def variables() -> dict[str, Variable]:
    """All variables that the project reads, by name; ``settings.local`` counts for those that no other file reads."""
    found = {name: Variable(name) for name in _LIBRARIES}
    local: dict[str, Variable] = {}
    for path in _sources():
        into = local if path == PROJECT_DIR / _LOCAL else found
        for name, default in reads(path):
            into.setdefault(name, Variable(name)).defaults.add(default)
    return local | found


def rows(text: str) -> list[Row]:
    """The rows of the tables in ``text``, in their order."""
    return [Row(**match.groupdict()) for line in text.splitlines() if (match := _ROW.match(line))]


def block() -> str:
    """What the page has between its marks."""
    return PAGE.read_text().partition(BEGIN)[2].partition(END)[0]


def updated(text: str, known: dict[str, Variable]) -> str:
    """The tables with the defaults of the source, without unknown variables, and with rows for missing ones."""
    lines = []
    for line in text.rstrip().splitlines():
        row = next(iter(rows(line)), None)
        if row is None:
            lines.append(line)
        elif row.name in known:
            lines.append(str(Row(row.name, known[row.name].default or row.default, row.meaning)))
    present = {row.name for row in rows(text)}
    missing = [str(Row(name, known[name].default or "none", "")) for name in sorted(known.keys() - present)]
    return "\n".join([*lines, *missing]) + "\n"


def reads(path: Path) -> Iterator[tuple[str, str]]:
    """The variables that a module reads with their defaults, as the page writes them; empty where they are computed.

    A name that is not a constant is followed to a constant of the module and to a loop over constants.
    """
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.Subscript) and ast.unparse(node.value) == _OS and isinstance(node.ctx, ast.Load):
            names, default = _names(node.slice, tree), "none"
        elif isinstance(node, ast.Call) and _reads_environment(node.func) and node.args:
            names, default = _names(node.args[0], tree), _default(node)
        else:
            continue
        for name in names:
            yield name, default


def _sources() -> Iterator[Path]:
    for app in _APPS:
        for path in sorted((PROJECT_DIR / app).rglob("*.py")):
            if path != PROJECT_DIR / _TESTS and "env" in path.read_text():
                yield path


def _reads_environment(function: ast.expr) -> bool:
    """Whether it is ``env``, a method of ``env``, or one of ``os.environ`` that reads or sets a default."""
    if not isinstance(function, ast.Attribute):
        return isinstance(function, ast.Name) and function.id == _ENV
    owner = ast.unparse(function.value)
    return owner == _ENV or (owner == _OS and function.attr in ("get", "setdefault"))


def _names(node: ast.expr, tree: ast.Module) -> list[str]:
    if isinstance(node, ast.Constant):
        return [node.value] if isinstance(node.value, str) else []
    if not isinstance(node, ast.Name):
        return []
    values: list[ast.expr] = []
    for other in ast.walk(tree):
        if isinstance(other, ast.Assign) and any(_is(target, node.id) for target in other.targets):
            values.append(other.value)
        elif isinstance(other, ast.For) and _is(other.target, node.id) and isinstance(other.iter, ast.Tuple):
            values.extend(other.iter.elts)
    constants = [value.value for value in values if isinstance(value, ast.Constant) and isinstance(value.value, str)]
    return [name for name in constants if _NAME.fullmatch(name)]


def _is(node: ast.expr, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name


def _default(call: ast.Call) -> str:
    named = [word.value for word in call.keywords if word.arg == "default"]
    given = named or call.args[1:2]
    if not given:
        return "none"
    try:
        # Arithmetic and str() of constants; anything else is computed from what is known only at run time.
        value = eval(compile(ast.Expression(given[0]), "", "eval"), {"__builtins__": {"str": str}})  # noqa: S307  # nosec B307 -- our own source.
    except (NameError, AttributeError):
        return ""
    return written(value)


def written(value: object) -> str:
    """A default as the page writes it: numbers without separators, texts as code, ``none`` for nothing."""
    if value is None or value in ("", []):
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return f"{value:.15g}"
    text = ",".join(map(str, value)) if isinstance(value, list) else str(value)
    return text if re.fullmatch(r"[\d.]+", text) else f"`{text}`"


def _write(known: Iterable[Variable]) -> None:
    before, _, rest = PAGE.read_text().partition(BEGIN)
    text, _, after = rest.partition(END)
    PAGE.write_text(before + BEGIN + updated(text, {one.name: one for one in known}) + END + after)


if __name__ == "__main__":
    _write(variables().values())
