"""Hostile and damaged sheets are refused before they cost memory or time."""

import io
import tracemalloc
import zipfile

import openpyxl
import pytest

from movies.sheets import files
from movies.sheets.errors import SheetError
from movies.sheets.files import read_csv, read_xlsx

SHEET = "xl/worksheets/sheet1.xml"


def workbook(*rows: list) -> bytes:
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    content = io.BytesIO()
    book.save(content)
    return content.getvalue()


def changed(content: bytes, member: str, data: bytes) -> bytes:
    """The zip with another content of a member."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for name in [*(name for name in old.namelist() if name != member), member]:
            new.writestr(name, data if name == member else old.read(name))
    return out.getvalue()


def test_cells_are_read_as_they_would_be_typed():
    content = workbook(["id", "title", "year"], [1, "Heat", 1995.0], [2, None, 1.5])

    assert read_xlsx(content) == (["id", "title", "year"], [["1", "Heat", "1995"], ["2", "", "1.5"]])


def test_a_formula_without_a_result_is_no_empty_cell():
    with pytest.raises(SheetError, match="Cell B3 is a formula without a result"):
        read_xlsx(workbook(["id", "title"], [1, "Heat"], [2, "=UPPER(B2)"]))
    content = workbook(["id", "title"], [1, "=UPPER(A1)"])
    with_result = b'<c r="B2" t="str"><f>UPPER(A1)</f><v>ID</v></c>'
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        xml = archive.read(SHEET)
    start, end = xml.index(b'<c r="B2"'), xml.index(b"</row>", xml.index(b'<c r="B2"'))

    assert read_xlsx(changed(content, SHEET, xml[:start] + with_result + xml[end:]))[1] == [["1", "ID"]]


def test_a_bomb_is_refused_while_it_is_inflated(monkeypatch):
    monkeypatch.setattr(files, "MAX_INFLATED", 1_000_000)
    with pytest.raises(SheetError, match="inflates to more"):
        read_xlsx(changed(workbook(["id"], [1]), SHEET, b"<a>" + b"\0" * 5_000_000))


def test_a_row_far_below_costs_nothing():
    xml = (
        b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><dimension ref="A1:XFD1048576"/>'
        b'<sheetData><row r="1"><c r="A1"><v>1</v></c></row><row r="1048576"><c r="XFD1048576"><v>1</v></c></row>'
        b"</sheetData></worksheet>"
    )
    with pytest.raises(SheetError):
        read_xlsx(changed(workbook(["id"]), SHEET, xml))


def test_entities_are_refused():
    xml = b'<!DOCTYPE a [<!ENTITY b "b">]><worksheet/>'
    with pytest.raises(SheetError, match="XML declaration"):
        read_xlsx(changed(workbook(["id"]), SHEET, xml))


@pytest.mark.parametrize("content", [b"PK\x03\x04", b"id,title\n", b"PK\x05\x06" + b"\0" * 18, b"\x00" * 100])
def test_what_is_no_workbook_is_refused(content):
    with pytest.raises(SheetError):
        read_xlsx(content)


@pytest.mark.parametrize("member", [SHEET, "xl/workbook.xml", "[Content_Types].xml", "xl/_rels/workbook.xml.rels"])
@pytest.mark.parametrize("data", [b"", b"<a", b"<a/>", b"\xff\xfe"])
def test_damaged_parts_are_refused(member, data):
    with pytest.raises(SheetError):
        read_xlsx(changed(workbook(["id"], [1]), member, data))


def test_sizes_are_limited(monkeypatch):
    monkeypatch.setattr(files, "MAX_ROWS", 2)
    with pytest.raises(SheetError, match="more than 2 rows"):
        read_csv(b"id\n1\n2\n3\n")
    with pytest.raises(SheetError, match="more than 2 rows"):
        read_xlsx(workbook(["id"], [1], [2], [3]))
    assert len(read_csv(b"id\n1\n2\n,\n\n")[1]) == 2
    with pytest.raises(SheetError, match="more than 30 columns"):
        read_xlsx(workbook([f"c{number}" for number in range(40)], [1]))
    with pytest.raises(SheetError, match="more than 5 MB"):
        read_csv(b"id\n" + b"1" * (5 << 20))


@pytest.mark.parametrize("line", [",", ", "])
def test_millions_of_empty_cells_cost_one_pass(line):
    """Cutting them off one by one would copy the row for each."""
    assert read_csv(b"id\n1" + line.encode() * 1_000_000 + b"\n") == (["id"], [["1"]])


def test_millions_of_empty_lines_take_no_memory():
    names = ",".join(f"c{number}" for number in range(files.MAX_COLUMNS))
    tracemalloc.start()
    try:
        assert len(read_csv(names.encode() + b"\n1" + b"\n" * 500_000)[1]) == 1
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert peak < 20_000_000


def test_empty_lines_between_rows_keep_the_numbers():
    assert read_csv(b"id\n1\n\n\n2\n\n") == (["id"], [["1"], [""], [""], ["2"]])
    with pytest.raises(SheetError, match="more than 5,000 rows"):
        read_csv(b"id\n1\n" + b"\n" * 5_000 + b"2\n")


def test_rows_below_a_gap_are_not_lost():
    book = openpyxl.Workbook()
    for row, value in ((1, "id"), (2, 1), (6_000, 2)):
        book.active.cell(row=row, column=1, value=value)
    content = io.BytesIO()
    book.save(content)

    with pytest.raises(SheetError, match="up to row 6000, empty ones before it included"):
        read_xlsx(content.getvalue())
