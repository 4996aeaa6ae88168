"""CSV files as rows of named cells."""

import csv
import re
from collections.abc import Iterator, Mapping, Sequence

from events.taste.formats.rows import MAX_ROWS, TasteFileError

# Exports have twenty columns. Every row is filled up to the header's length.
MAX_COLUMNS = 100
# Of a row, over all of its lines: the longest reviews have some ten thousand characters.
MAX_ROW_CHARACTERS = 500_000
_NUL = re.compile(r"[\x00-\x08]")

Cells = Mapping[str, str]


class Table:
    """A CSV file: its first non-empty row names the columns. Names are compared without case."""

    def __init__(self, *, name: str, text: str) -> None:
        self.name = name
        self.rows = _rows(name, text)
        header = next(self.rows, (0, []))[1]
        if len(header) > MAX_COLUMNS:
            raise TasteFileError(f"{name} has more than {MAX_COLUMNS} columns.")
        self.header = _names(header)

    def cells(self) -> Iterator[tuple[int, Cells]]:
        """Yields ``(line, cells by column)``; missing cells are empty. A second header starts over, as in lists."""
        header = self.header
        blank = False
        for line, row in self.rows:
            if not any(row):
                blank = True
                continue
            if blank and len(row) <= MAX_COLUMNS and "position" in (names := _names(row)):
                header = names
            else:
                padded = [*row, *[""] * (len(header) - len(row))]
                yield line, dict(zip(header, padded, strict=False))
            blank = False


def decoded(name: str, data: bytes) -> str:
    """The text of a file: UTF-8, with a byte order mark or without, else Windows' Latin letters.

    Raises TasteFileError if it is no text.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        try:
            text = data.decode("cp1252")
        except UnicodeDecodeError as error:
            raise TasteFileError(f"{name} is not a text file.") from error
    if _NUL.search(text):
        raise TasteFileError(f"{name} is not a text file.")
    return text


def _rows(name: str, text: str) -> Iterator[tuple[int, Sequence[str]]]:
    """Raises TasteFileError for what is no CSV. Empty rows before the first full one are skipped."""
    first = text.lstrip("\r\n").partition("\n")[0]
    delimiter = next((mark for mark in ";\t" if mark in first and "," not in first), ",")
    started, count, read = False, 0, 0

    def bounded() -> Iterator[str]:
        nonlocal read
        for line in _lines(text):
            read += len(line)
            if read > MAX_ROW_CHARACTERS:
                raise TasteFileError(f"{name}, line {reader.line_num + 1}: the row is too long.")
            yield line

    reader = csv.reader(bounded(), delimiter=delimiter)
    try:
        for row in reader:
            read = 0
            started = started or any(row)
            count += 1
            if count > MAX_ROWS:
                raise TasteFileError(f"{name} has more than {MAX_ROWS:,} rows.")
            if started:
                yield reader.line_num, row
    except csv.Error as error:
        raise TasteFileError(f"{name}, line {reader.line_num}: this is not CSV.") from error


def _lines(text: str) -> Iterator[str]:
    """Lines with their ends; a text buffer would take four bytes a character."""
    end = "\n" if "\n" in text else "\r"
    start = 0
    while start < len(text):
        stop = text.find(end, start) + 1 or len(text)
        yield f"{text[start : stop - 1]}\n" if text[stop - 1] == "\r" else text[start:stop]
        start = stop


def _names(row: Sequence[str]) -> list[str]:
    return [cell.strip().casefold() for cell in row]
