"""Tells by name and header which site a file comes from, and reads it."""

from collections.abc import Sequence
from pathlib import PurePosixPath
from types import ModuleType
from typing import IO

from events.taste.formats import imdb, letterboxd, movary, movielens, trakt
from events.taste.formats.containers import members_of
from events.taste.formats.rows import LEFT_OUT, TasteFile, TasteFileError
from events.taste.formats.tables import Table, decoded

# The most particular headers first.
TABLES: Sequence[ModuleType] = (imdb, letterboxd, movary, movielens)
SOURCES = {
    "letterboxd": "Letterboxd",
    "imdb": "IMDb",
    "trakt": "Trakt",
    "movary": "Movary",
    "movielens": "MovieLens",
}
UNKNOWN = (
    "This is no export that can be read here: send Letterboxd's zip or one of its CSV files, IMDb's ratings or a list,"
    " Trakt's zip, Movary's CSV files or MovieLens' ratings, with their names and headers as they came."
)


def taste_file_read(file: IO[bytes], name: str) -> TasteFile:
    """Reads what a person brought. Rows come in the order in which the later one counts at equal times.

    file: seekable. name: the file's own name, which tells files with equal headers apart. Raises TasteFileError if it
    is no known export, holds nothing of a person's taste, or is larger or stranger than exports are.
    """
    tables: list[tuple[ModuleType, str, Table]] = []
    documents: list[tuple[str, str]] = []
    contents = list(members_of(file, name or "file"))
    alone = len(contents) == 1 and not _is_zip(file)
    for path, content in contents:
        text = decoded(PurePosixPath(path).name, content)
        if path.casefold().endswith(".json") or (alone and text.lstrip()[:1] in ("[", "{")):
            documents.append((path, text))
        elif text.strip() and (found := _recognised(Table(name=path, text=text), alone=alone)):
            tables.append(found)
    read = TasteFile("")
    sources = {module.SOURCE for module, _, _ in tables}
    for path, text in sorted(documents, key=lambda document: trakt.page_key(document[0])):
        if trakt.read(path, text, read):
            sources.add(trakt.SOURCE)
    if not sources:
        raise TasteFileError(UNKNOWN)
    if len(sources) > 1:
        raise TasteFileError("The zip holds files of several sites: send them one by one.")
    for module, kind, table in sorted(tables, key=_order):
        module.read(kind, table, read)
    read.source = sources.pop()
    return _checked(read)


def _recognised(table: Table, *, alone: bool) -> tuple[ModuleType, str, Table] | None:
    for module in TABLES:
        if kind := module.kind_of(table.name, table.header, alone=alone):
            return module, kind, table
    return None


def _order(found: tuple[ModuleType, str, Table]) -> tuple[int, list[tuple[int, str]]]:
    module, kind, table = found
    return module.KINDS.index(kind), trakt.page_key(table.name)


def _is_zip(file: IO[bytes]) -> bool:
    file.seek(0)
    return file.read(2) == b"PK"


def _checked(read: TasteFile) -> TasteFile:
    if not read.rows:
        left_out = ", ".join(f"{count} {LEFT_OUT[reason]}" for reason, count in read.left_out.items() if count)
        raise TasteFileError(f"The file holds no films of yours{f', only {left_out}' if left_out else ''}.")
    return read
