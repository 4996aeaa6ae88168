"""Reads uploaded CSV and XLSX files into rows of texts, within limits on what is really read. Without Django."""

import csv
import io
import re
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import date, datetime
from typing import Any

import openpyxl
from openpyxl.utils import get_column_letter
from openpyxl.utils.exceptions import InvalidFileException

from movies.sheets.errors import SheetError

MAX_FILE_BYTES = 5 * 1024 * 1024
MAX_ROWS = 5_000
MAX_COLUMNS = 30
MAX_CELL_LETTERS = 20_000
# The last row that a sheet can have.
_LAST_ROW = 1_048_576
# Of an XLSX file, which is a zip: its members, and what they hold once they are inflated.
MAX_MEMBERS = 200
MAX_INFLATED = 40 * 1024 * 1024
_BLOCK = 64 * 1024
_DECLARATION = re.compile(rb"<!(?:DOCTYPE|ENTITY)", re.IGNORECASE)
_DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError)

Table = tuple[list[str], list[list[str]]]


def read_csv(content: bytes) -> Table:
    """The header and the rows of a CSV file in UTF-8, separated by commas, semicolons or tabs.

    Rows have as many cells as the header. Raises SheetError.
    """
    _check_size(content)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise SheetError('The file is not in UTF-8: save it as "CSV UTF-8".') from error
    if "\0" in text:
        raise SheetError("The file holds null characters: it is no CSV file.")
    first = text.split("\n", 1)[0]
    delimiter = max(",;\t", key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        return _table(reader)
    except csv.Error as error:
        raise SheetError(f"Line {reader.line_num} cannot be read: {error}.") from error


def read_xlsx(content: bytes) -> Table:
    """The header and the rows of the first sheet of an XLSX file. Raises SheetError."""
    _check_size(content)
    _check_zip(content)
    with _rows(content, data_only=True) as rows, _rows(content, data_only=False) as formulas:
        try:
            # Rows that the file leaves out come as rows without values; there may be a million.
            return _table(
                [] if formula.count(None) == len(formula) else _cells(row, formula, number)
                for number, (row, formula) in enumerate(zip(rows, formulas, strict=True), start=1)
            )
        except (*_DAMAGE, KeyError, ValueError, TypeError, AttributeError, IndexError, SyntaxError) as error:
            raise SheetError("The sheet cannot be read: the file is damaged.") from error


@contextmanager
def _rows(content: bytes, *, data_only: bool) -> Iterator[Iterator[tuple[Any, ...]]]:
    """The values of the first sheet, row by row; of a formula its stored result, or without data_only its text."""
    try:
        book = openpyxl.load_workbook(io.BytesIO(content), read_only=True, data_only=data_only, keep_links=False)
    except (*_DAMAGE, InvalidFileException, KeyError, ValueError, TypeError, AttributeError, SyntaxError) as error:
        raise SheetError("The file is no XLSX file, or damaged.") from error
    try:
        if not book.worksheets:
            raise SheetError("The file holds no sheet.")
        sheet = book.worksheets[0]
        # A sheet says itself how large it is; only the bounds given here are believed.
        sheet.reset_dimensions()
        yield sheet.iter_rows(max_row=_LAST_ROW, max_col=MAX_COLUMNS + 1, values_only=True)
    finally:
        book.close()


def _cells(row: tuple[Any, ...], formulas: tuple[Any, ...], number: int) -> list[str]:
    """The texts of a row. Raises SheetError for a formula without a stored result, which would read as empty."""
    for column, (value, formula) in enumerate(zip(row, formulas, strict=True), start=1):
        if value is None and formula is not None:
            cell = f"{get_column_letter(column)}{number}"
            raise SheetError(
                f"Cell {cell} is a formula without a result: open the file in a spreadsheet program and save it, or "
                "type the value."
            )
    return [_text(value) for value in row]


def _check_size(content: bytes) -> None:
    if not content:
        raise SheetError("The file is empty.")
    if len(content) > MAX_FILE_BYTES:
        raise SheetError(f"The file has more than {MAX_FILE_BYTES >> 20} MB.")


def _check_zip(content: bytes) -> None:
    """Raises SheetError for a zip that inflates to more than MAX_INFLATED, whatever its directory says."""
    budget = MAX_INFLATED
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            entries = archive.infolist()
            if len(entries) > MAX_MEMBERS:
                raise SheetError(f"The file holds more than {MAX_MEMBERS} parts.")
            for entry in entries:
                with archive.open(entry) as stream:
                    for number, block in enumerate(_blocks(stream)):
                        budget -= len(block)
                        if budget < 0:
                            raise SheetError("The file inflates to more than a sheet of this size holds.")
                        if number == 0 and _DECLARATION.search(block):
                            raise SheetError("The file holds an XML declaration that no sheet has.")
    except _DAMAGE as error:
        raise SheetError("The file is no XLSX file, or damaged.") from error


def _blocks(stream: Any) -> Iterator[bytes]:
    while block := stream.read(_BLOCK):
        yield block


def _text(value: Any) -> str:
    """A cell's value as it would be typed: whole numbers without a fraction."""
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    if isinstance(value, datetime | date):
        return value.isoformat()
    return str(value)


def _table(rows: Iterable[list[str]]) -> Table:
    """Splits the header from the rows and checks their number and width."""
    header: list[str] | None = None
    table: list[list[str]] = []
    # Empty rows count only before others, so that a file of empty lines takes no memory.
    empty = 0
    for number, cells in enumerate(rows, start=1):
        cells = _without_empty_end(cells)  # noqa: PLW2901
        if header is None:
            header = _header(cells)
            continue
        if len(cells) > len(header):
            raise SheetError(f"Row {number} has {len(cells)} cells, and the header has {len(header)}.")
        if any(len(cell) > MAX_CELL_LETTERS for cell in cells):
            raise SheetError(f"A cell of row {number} has more than {MAX_CELL_LETTERS:,} letters.")
        if not cells:
            empty += 1
            continue
        if len(table) + empty >= MAX_ROWS:
            empty_too = ", empty ones before it included: delete those, or" if empty else ":"
            raise SheetError(f"The file has more than {MAX_ROWS:,} rows, up to row {number}{empty_too} split it.")
        table += [[""] * len(header) for _ in range(empty)]
        table.append([*cells, *[""] * (len(header) - len(cells))])
        empty = 0
    if not header or not table:
        raise SheetError("The file has no rows below its header.")
    return header, table


def _without_empty_end(cells: list[str]) -> list[str]:
    """The cells up to the last one with a text: spreadsheets add empty ones, and a file may hold millions."""
    end = len(cells)
    while end and not cells[end - 1].strip():
        end -= 1
    return cells[:end]


def _header(cells: list[str]) -> list[str]:
    if len(cells) > MAX_COLUMNS:
        raise SheetError(f"The file has more than {MAX_COLUMNS} columns.")
    names = [cell.strip().lower() for cell in cells]
    for place, name in enumerate(names, start=1):
        if not name:
            raise SheetError(f"Column {place} has no name.")
        if name in names[: place - 1]:
            raise SheetError(f"There are two columns named {name[:80]}.")
    return names
