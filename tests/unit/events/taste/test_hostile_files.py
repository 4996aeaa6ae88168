"""Files that are no exports, or are made to do harm: a clear error, and little memory."""

import io
import json
import struct
import tracemalloc
import zipfile

import pytest

from events.taste.formats.containers import MAX_FILE_BYTES
from events.taste.formats.detection import taste_file_read
from events.taste.formats.rows import TasteFileError
from tests.unit.events.taste import files
from tests.unit.events.taste.files import plain, zipped

MEGABYTE = 1024 * 1024
HEADER = b"Date,Name,Year,Letterboxd URI,Rating\n"


def bomb(size: int) -> io.BytesIO:
    return zipped({"ratings.csv": HEADER + b"0" * size})


def encrypted() -> io.BytesIO:
    made = bytearray(zipped({"ratings.csv": files.RATINGS}).getvalue())
    made[made.index(b"PK\x01\x02") + 8] |= 1
    return io.BytesIO(bytes(made))


@pytest.mark.parametrize(
    ("file", "message"),
    [
        pytest.param(lambda: bomb(60 * MEGABYTE), "inflates to more", id="zip bomb"),
        pytest.param(lambda: plain(b"0" * (MAX_FILE_BYTES + 1)), "more than 20 MB", id="large file"),
        pytest.param(lambda: plain(b""), "empty", id="empty"),
        pytest.param(lambda: zipped({}), "empty or damaged", id="empty zip"),
        pytest.param(lambda: zipped({"a.zip": zipped({"b": "c"}).getvalue()}), "another zip", id="zip in a zip"),
        pytest.param(lambda: zipped({"a.csv": zipped({"b": "c"}).getvalue()}), "another zip", id="hidden zip"),
        pytest.param(lambda: zipped({"../ratings.csv": files.RATINGS}), "leads out", id="dots"),
        pytest.param(lambda: zipped({"/etc/ratings.csv": files.RATINGS}), "leads out", id="absolute"),
        pytest.param(lambda: zipped({"..\\ratings.csv": files.RATINGS}), "leads out", id="backslashes"),
        pytest.param(encrypted, "encrypted", id="encrypted"),
        pytest.param(lambda: zipped({f"{n}.csv": "" for n in range(2_001)}), "more than 2,000", id="many members"),
        pytest.param(lambda: zipped({"ratings.csv": files.RATINGS}, zipfile.ZIP_LZMA), "packed", id="lzma"),
        pytest.param(lambda: plain(zipped(files.LETTERBOXD).getvalue()[:-30]), "cut short", id="cut zip"),
        pytest.param(lambda: plain(b"PK\x03\x04" + b"\x00" * 5_000), "cut short", id="no zip"),
        pytest.param(lambda: plain(bytes(range(256)) * 100), "not a text file", id="binary"),
        pytest.param(lambda: plain(b"\x89PNG\r\n\x1a\n\x00\x00"), "not a text file", id="picture"),
        pytest.param(lambda: plain("Dear reader,\nthis is a letter.\n"), "no export", id="letter"),
        pytest.param(lambda: plain("a,b,c\n1,2,3\n"), "no export", id="other table"),
        pytest.param(lambda: plain("{" * 200_000), "not JSON", id="deep JSON"),
        pytest.param(lambda: plain("[" * 200_000), "not JSON", id="deep lists"),
        pytest.param(lambda: plain('[{"rating": NaN, "movie": {}}]'), "not JSON", id="NaN in JSON"),
        pytest.param(lambda: plain('{"a": ' + "9" * 5_000 + "}"), "not JSON", id="long number"),
        pytest.param(lambda: plain(json.dumps([{"a": 1}])), "no export", id="other JSON"),
        pytest.param(lambda: zipped({"a.csv": files.IMDB, "b.csv": files.MOVIELENS}), "several sites", id="two sites"),
        pytest.param(lambda: plain(HEADER), "no films of yours", id="header alone"),
        pytest.param(lambda: plain(HEADER.strip() + b"," * 100 + b"\n1\n"), "more than 100 columns", id="columns"),
        pytest.param(lambda: plain(HEADER + b"," * 500_001), "row is too long", id="long row"),
        pytest.param(lambda: plain(HEADER + b'"\n",' * 200_000), "row is too long", id="long row of many lines"),
    ],
)
def test_what_is_no_export_is_a_clear_error(file, message):
    with pytest.raises(TasteFileError, match=message):
        taste_file_read(file(), "file.csv")


def test_a_file_of_series_alone_says_so():
    lines = files.IMDB.splitlines()

    with pytest.raises(TasteFileError, match="only 2 series"):
        taste_file_read(plain("\n".join([lines[0], *lines[3:5]])), "ratings.csv")


def test_what_inflates_counts_and_not_what_is_claimed():
    size = 100 * MEGABYTE
    claimed = bomb(size).getvalue().replace((size + len(HEADER)).to_bytes(4, "little"), (1_000).to_bytes(4, "little"))
    tracemalloc.start()
    try:
        with pytest.raises(TasteFileError):
            taste_file_read(io.BytesIO(claimed), "x.zip")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert peak < size


def test_a_directory_of_100_000_members_is_not_read():
    made = zipped({f"{number}.csv": "" for number in range(100_000)}, zipfile.ZIP_STORED)
    tracemalloc.start()
    try:
        with pytest.raises(TasteFileError, match="more than 2,000"):
            taste_file_read(made, "x.zip")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert peak < 2 * MEGABYTE


def test_ids_that_are_no_ids_are_left_out():
    movie = {"title": ["x"], "year": 10**400, "ids": {"imdb": 5, "tmdb": 1e300}}
    text = json.dumps([{"rated_at": 3, "rating": 8, "type": "movie", "movie": movie}])
    (row,) = taste_file_read(plain(text), "ratings-movies.json").rows

    assert (row.title, row.year, row.imdb_id, row.tmdb_id, row.rated_at, row.rating) == ("", None, "", None, None, 4.0)


@pytest.mark.parametrize("comment", [b"", b"x" * 65_535], ids=["plain", "behind a comment"])
def test_a_large_directory_behind_a_second_end_is_not_read(comment):
    made = zipped({f"{number}.csv": "" for number in range(20_000)}, zipfile.ZIP_STORED).getvalue()
    *_, entries, directory, offset, _comment = struct.unpack("<4s4H2LH", made[-22:])
    second = struct.pack("<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, entries, entries, directory, offset)
    second += struct.pack("<4sLQL", b"PK\x06\x07", 0, len(made) - 22, 1)
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 1, 1, 46, offset, len(comment)) + comment
    file = io.BytesIO(made[:-22] + second + end)
    assert len(zipfile.ZipFile(file).infolist()) == 20_000
    tracemalloc.start()
    try:
        with pytest.raises(TasteFileError, match="more than 2,000"):
            taste_file_read(file, "x.zip")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert peak < 2 * MEGABYTE


@pytest.mark.parametrize(
    "name", ["\u00b2.csv", "\u0662 \u00b21.csv", "1" * 200 + ".csv", ".csv", "\U0001d7d9.csv", "a\nb.csv"]
)
def test_any_name_of_a_file_will_do(name):
    (row,) = taste_file_read(plain(HEADER + b"2020-01-01,Heat,1995,u,4\n"), name).rows

    assert row.title == "Heat"


@pytest.mark.parametrize("place", ["type", "movie", "rating", "rated_at", "title", "year", "ids", "imdb", "tmdb"])
def test_any_value_at_any_place_of_json_is_no_failure(place):
    odd = [None, True, 0, -1, 1e300, 10**300, "", "x" * 10_000, "\0\ud800", [], {}, [[]], {"a": []}]
    entries = []
    for value in odd:
        movie = {"title": "Heat", "year": 1995, "ids": {"imdb": "tt0113277", "tmdb": 949}}
        entry = {"type": "movie", "movie": movie, "rating": 8, "rated_at": "2020-01-01"}
        owner = movie["ids"] if place in movie["ids"] else movie if place in movie else entry
        entries.append(entry)
        owner[place] = value
    entries += [{"type": [], "show": 1}, {"show": {}, "type": {}}]
    read = taste_file_read(
        plain(json.dumps([*entries, entry | {"type": "movie", "movie": {"title": "Ran"}}])), "ratings-1.json"
    )

    assert len(read.rows) + sum(read.left_out.values()) == len(entries) + 1
