"""Files of events are read in blocks with their lines, and other files refused before anything is read."""

import zipfile

import polars as pl
import pytest
from polars.exceptions import PanicException

from events.imports import events_files
from events.imports.events_files import open_events
from movies.movielens.errors import ArchiveError

HEADER = "email,movielens_id,kind,occurred_at\n"
ROW = "ada@example.org,1,like,2024-01-02\n"


def write(tmp_path, content, name="events.csv"):
    path = tmp_path / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def read(path, form=None):
    """(rows as dictionaries without absent cells, their lines, bad lines as (line, reason))."""
    blocks = list(open_events(path, form).blocks())
    rows = [{k: v for k, v in row.items() if v is not None} for block in blocks for row in block.frame.to_dicts()]
    lines = [int(line) for block in blocks for line in block.lines]
    return rows, lines, [(bad.line, bad.reason) for block in blocks for bad in block.bad]


def test_csv_rows_keep_their_line_numbers(tmp_path):
    text = HEADER + ROW + '\n"ada\n@example.org",1,like,2024-01-02\nshort,1\n' + ROW
    rows, lines, bad = read(write(tmp_path, text))
    assert lines == [2, 4, 7]
    assert bad == [(6, "wrong number of fields")]
    assert rows[2] == {"email": "ada@example.org", "movielens_id": "1", "kind": "like", "occurred_at": "2024-01-02"}


def test_blocks_are_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr(events_files, "BLOCK_ROWS", 2)
    for name, text in (("e.csv", HEADER + ROW * 5), ("e.jsonl", '{"kind": "like"}\n' * 5)):
        blocks = list(open_events(write(tmp_path, text, name)).blocks())
        assert [block.frame.height for block in blocks] == [2, 2, 1]
        assert blocks[-1].done == (tmp_path / name).stat().st_size


def test_a_byte_order_mark_and_cp1252_are_read(tmp_path):
    for encoding in ("utf-8-sig", "cp1252"):
        path = write(tmp_path, (HEADER.replace("email", "external_id") + "Zoë,1,like,2024-01-02\n").encode(encoding))
        assert read(path)[0][0]["external_id"] == "Zoë"


@pytest.mark.parametrize("delimiter", [";", "\t"])
def test_other_delimiters_are_found(tmp_path, delimiter):
    rows, _, bad = read(write(tmp_path, (HEADER + ROW).replace(",", delimiter)))
    assert rows[0]["kind"] == "like"
    assert not bad


def test_an_endless_line_is_cut(tmp_path):
    rows, lines, bad = read(write(tmp_path, HEADER + "x" * 1_000_000 + "\n" + ROW))
    assert lines == [3]
    assert bad == [(2, "wrong number of fields")]
    assert len(rows) == 1


def test_json_lines_are_read_as_texts(tmp_path):
    text = '\ufeff{"user_id": 7, "kind": "rating", "value": 4.5, "undo": false, "source": null}\n\n{"kind": "like"}\n'
    rows, lines, bad = read(write(tmp_path, text, "events.jsonl"))
    assert rows == [{"user_id": "7", "kind": "rating", "value": "4.5", "undo": "false"}, {"kind": "like"}]
    assert lines == [1, 3]
    assert not bad


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('{"value": NaN}', "the line is not JSON"),
        ('{"value": Infinity}', "the line is not JSON"),
        ("7", "the line is not an object"),
        ('{"stars": 4}', "an unknown field"),
        ('{"kind": ["like"]}', "a field is a list or an object"),
        ("{" * 70_000, "the line is not JSON"),
    ],
)
def test_bad_json_lines_are_refused(tmp_path, line, reason):
    rows, _, bad = read(write(tmp_path, '{"kind": "like"}\n' + line + '\n{"kind": "view"}', "events.jsonl"))
    assert bad == [(2, reason)]
    assert len(rows) == 2


def test_parquet_types_become_texts(tmp_path):
    path = tmp_path / "events.parquet"
    times = pl.Series(["2024-01-02T03:04:05"]).str.to_datetime(time_zone="UTC")
    pl.DataFrame(
        {"user_id": [7], "value": [4.5], "kind": ["rating"], "occurred_at": times, "undo": [True]}
    ).write_parquet(path)
    rows, lines, _ = read(path)
    expected = {"user_id": "7", "value": "4.5", "kind": "rating", "undo": "true"}
    assert rows == [{**expected, "occurred_at": "2024-01-02T03:04:05.000000"}]
    assert lines == [1]


def zipped(tmp_path):
    with zipfile.ZipFile(tmp_path / "z", "w") as archive:
        archive.writestr("events.csv", HEADER + ROW)
    return (tmp_path / "z").read_bytes()


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("e.csv", b"", "is empty"),
        ("e.csv", b"\x89PNG\r\n\x1a\n\0\0", "is an image"),
        ("e.csv", HEADER.encode("utf-16"), "is UTF-16"),
        ("e.csv", b"PAR1\0\0", "is a Parquet file"),
        ("e.csv", b"abc\0def", "is a binary file"),
        ("e.csv", b"<html><body>", "does not name columns"),
        ("e.csv", b"email,kind,occurred_at,stars\n", "unknown columns: 'stars'"),
        ("e.csv", b"email,kind,kind,occurred_at\n", "names a column twice"),
        ("e.csv", b"email,kind\n", "must have the columns kind and occurred_at"),
        ("e.jsonl", b"[1]", "is not JSON Lines"),
        ("e.parquet", b"PAR1 cut short", "is not a complete Parquet file"),
        ("e.parquet", b"email,kind", "is not a Parquet file"),
        ("e.txt", b"email,kind", "must end in"),
    ],
)
def test_other_files_are_refused(tmp_path, name, content, message):
    with pytest.raises(ArchiveError, match=message):
        open_events(write(tmp_path, content, name))


def test_a_zip_and_a_missing_file_are_refused(tmp_path):
    with pytest.raises(ArchiveError, match="is a zip"):
        open_events(write(tmp_path, zipped(tmp_path)))
    with pytest.raises(ArchiveError, match="cannot be read"):
        open_events(tmp_path / "absent.csv")


def test_a_cut_parquet_file_is_refused(tmp_path):
    path = tmp_path / "events.parquet"
    pl.DataFrame({"kind": ["like"] * 1000, "occurred_at": ["2024-01-02"] * 1000}).write_parquet(path)
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(ArchiveError, match="is not a complete Parquet file"):
        open_events(path)


def test_a_damaged_parquet_file_that_polars_panics_at_is_refused(monkeypatch, tmp_path):
    path = tmp_path / "events.parquet"
    pl.DataFrame({"kind": ["like"], "occurred_at": ["2026-01-01"], "user_id": [1], "movie_id": [1]}).write_parquet(path)
    file = open_events(path)

    def panic(*args):
        raise PanicException("called `Option::unwrap()` on a `None` value")

    monkeypatch.setattr("events.imports.events_files.pl.scan_parquet", panic)
    for read in (lambda: list(file.blocks()), lambda: open_events(path)):
        with pytest.raises(ArchiveError, match="unwrap"):
            read()
