"""CSV and XLSX for django-import-export: bounded on import, without formulas on export."""

from typing import Any

import tablib
from import_export.formats import base_formats

from movies.sheets.columns import COLUMN_NAMES, KEYS
from movies.sheets.errors import SheetError
from movies.sheets.files import Table, read_csv, read_xlsx

# Excel reads a CSV file as UTF-8 only if it begins with this.
_MARK = "\ufeff"


def dataset_of(table: Table) -> tablib.Dataset:
    """The dataset of a read table. Raises SheetError for a column that does not exist and without an id."""
    headers, rows = table
    unknown = [name[:80] for name in headers if name not in COLUMN_NAMES]
    if unknown:
        raise SheetError(f"Unknown columns: {', '.join(unknown)}. Columns are {', '.join(COLUMN_NAMES)}.")
    if not set(KEYS) & set(headers):
        raise SheetError(f"One of these columns must say which movie a row is about: {', '.join(KEYS)}.")
    dataset = tablib.Dataset(headers=headers)
    for row in rows:
        dataset.append(row)
    return dataset


class MovieCSV(base_formats.CSV):
    """CSV in UTF-8."""

    def is_binary(self) -> bool:
        """True: the bytes are decoded here, where their errors are explained."""
        return True

    def get_read_mode(self) -> str:
        """As bytes."""
        return "rb"

    def create_dataset(self, in_stream: bytes, **kwargs: Any) -> tablib.Dataset:
        """Reads a file. Raises SheetError."""
        return dataset_of(read_csv(in_stream))

    def export_data(self, dataset: tablib.Dataset, **kwargs: Any) -> bytes:
        """The file, with the mark that Excel needs."""
        return (_MARK + dataset.export("csv", **kwargs)).encode()


class MovieXLSX(base_formats.XLSX):
    """The first sheet of an Excel file."""

    def create_dataset(self, in_stream: bytes) -> tablib.Dataset:
        """Reads a file. Raises SheetError."""
        return dataset_of(read_xlsx(in_stream))

    def export_data(self, dataset: tablib.Dataset, **kwargs: Any) -> bytes:
        """The file; the columns have one width, since measuring every cell is slow."""
        content: bytes = super().export_data(dataset, column_width=24, **kwargs)
        return content


FORMATS = [MovieCSV, MovieXLSX]
