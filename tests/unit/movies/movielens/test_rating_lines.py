import math
import time

import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from movies.movielens import files, rating_lines
from movies.movielens.archive import open_archive
from movies.movielens.errors import BadLineError, BadLines
from movies.movielens.rating_lines import SCHEMA, IdSet, PairsSeen, RatingChecker, parse_block
from tests.archives import DAT_1M, write_folder

# How long an example takes is nothing to test, on a busy machine least of all.
settings.register_profile("lines", deadline=None)
settings.load_profile("lines")


def reference(block: bytes, separator: bytes, movie_ids: set[int]):
    """The slow and plain way: (good rows, reason by line number)."""
    rows, reasons, seen = [], {}, set()
    for number, raw in enumerate(block[:-1].split(b"\n"), 1):
        line = raw.removesuffix(b"\r")
        if not line:
            continue
        fields = [field.decode("latin-1") for field in line.split(separator)]
        if separator == b",":
            fields = [field[1:-1] if len(field) > 1 and field[0] == field[-1] == '"' else field for field in fields]
        if len(fields) != 4:
            reasons[number] = "expected 4 fields"
            continue
        names = ("user id", "movie id", "rating", "timestamp")
        wrong = [name for name, field in zip(names, fields, strict=True) if not is_number(field, name == "rating")]
        if wrong:
            reasons[number] = f"the {wrong[0]} is not a number"
            continue
        user, movie, time = (int(fields[place].split(".")[0]) for place in (0, 1, 3))
        row = user, movie, float(fields[2]), time
        reason = out_of_range(*row)
        if not reason and row[1] not in movie_ids:
            reason = "the movie is unknown"
        elif not reason and row[:2] in seen:
            reason = "a second rating of the same movie by the same person"
        if reason:
            reasons[number] = reason
        else:
            seen.add(row[:2])
            rows.append(row)
    return rows, reasons


def out_of_range(user: int, movie: int, rating: float, timestamp: int) -> str:
    if not 1 <= user < 2**31:
        return "the user id is out of range"
    if not 1 <= movie < 2**31:
        return "the movie id is out of range"
    if not (math.isfinite(rating) and 0.5 <= rating <= 5):
        return "the rating is not within 0.5 to 5.0"
    if not 0 <= timestamp < 4_102_444_800:
        return "the timestamp is out of range"
    return "" if timestamp <= time.time() else "the timestamp is in the future"


def is_number(word: str, decimal: bool) -> bool:
    digits = word.removeprefix("-")
    if decimal:
        whole, _, fraction = digits.partition(".")
        return bool(whole or fraction) and all(c in "0123456789" for c in whole + fraction)
    digits, point, zeros = digits.partition(".")
    if point and zeros.strip("0"):
        return False
    return 1 <= len(digits) <= 18 and all(c in "0123456789" for c in digits)


def fast(block: bytes, separator: bytes, movie_ids: set[int]):
    report = {}
    bad = BadLines(skip=True)
    bad.add = lambda line: report.setdefault(line.line, line.reason)
    checker = RatingChecker(file="r", bad=bad, movie_ids=movie_ids)
    frame = checker.check(*parse_block(block, 1, separator), block, 1)
    assert frame.schema == pl.Schema(SCHEMA)
    return frame.rows(), report


word = st.one_of(
    st.integers(1, 6).map(str),
    st.sampled_from(
        ["", " 1", "1 ", "+1", "-1", "0", "1e0", "nan", "inf", "5.", ".5", ".", "1.2.3", "0.5", "3.5", "007"]
    ),
    st.sampled_from(
        ["2147483648", "99999999999999999999", "4102444800", "4102444799", '"1"', "1_0", "٣", "\x00", "é", "1\r", ":"]
    ),
    st.integers(-(10**20), 10**20).map(str),
    st.floats(0, 6).map(str),
    st.sampled_from(["1.0", "2.", "3.00", "1.01", '"2"', '"3.0"', '"', '""', '"1']),
)
good_line = st.tuples(
    st.integers(1, 4), st.integers(1, 4), st.sampled_from(["1", "0.5", "3.5", "5", "4.0"]), st.integers(0, 10**9)
).map(lambda row: [str(field) for field in row])
any_line = st.one_of(good_line, st.lists(word, max_size=6))


@given(
    st.lists(good_line, min_size=1, max_size=8), st.sampled_from([b",", b"\t", b"::"]), st.sampled_from(["\n", "\r\n"])
)
def test_well_formed_lines_are_read_as_the_reference_reads_them(lines, separator, end):
    text = "".join(separator.decode().join(line) + end for line in lines).encode()
    assert fast(text, separator, {1, 2, 3}) == reference(text, separator, {1, 2, 3})


@given(st.lists(good_line, min_size=1, max_size=8), st.sampled_from(["\n", "\r\n"]), st.sampled_from(['"{}"', "{}.0"]))
def test_quoted_lines_and_floats_are_read_as_the_plain_ones(lines, end, form):
    numbers = [
        [field if place == 2 and form == "{}.0" else form.format(field) for place, field in enumerate(line)]
        for line in lines
    ]
    text, plain = ("".join(",".join(line) + end for line in rows).encode() for rows in (numbers, lines))
    assert fast(text, b",", {1, 2, 3}) == fast(plain, b",", {1, 2, 3}) == reference(text, b",", {1, 2, 3})
    assert rating_lines._parse_fast(text, b",") is not None


@given(st.lists(any_line, min_size=1, max_size=6), st.sampled_from([b",", b"\t", b"::"]))
@example([["1", "1", "5.", "7"]], b",")
@example([["1", "1", "5"], ["1", "1", "5", "7"]], b",")
@example([["1", "1", "5", "7"], [], ["1", "2", "5", "7"]], b"\t")
@example([["1\t1", "5", "7"]], b"::")
@example([['"1"', '"1"', '"5"', '"7"'], ['"1', '2"', '"1"', '"5"', '"7"']], b",")
@example([['"1"', '"1"', '"5"'], ['"1"', '"2"', '"5"', '"7"', '"9"']], b",")
@example([["1.0", "1.0", "5", "7.5"], ["1.0", "2.0", ".5", ".0"]], b",")
def test_any_lines_are_judged_as_the_reference_judges_them(lines, separator):
    text = "".join(separator.decode().join(line) + "\n" for line in lines).encode()
    assert fast(text, separator, {1, 2, 3}) == reference(text, separator, {1, 2, 3})


@given(st.binary(max_size=60), st.sampled_from([b",", b"\t", b"::"]))
def test_any_bytes_are_judged_as_the_reference_judges_them(data, separator):
    assert fast(data + b"\n", separator, {1}) == reference(data + b"\n", separator, {1})


@pytest.mark.parametrize("size", [40, 64, 1000])
def test_pieces_of_any_size_give_the_same_lines_and_line_numbers(tmp_path, monkeypatch, size):
    rows = [(user, movie, 3, 100 * user + movie) for movie in range(1, 6) for user in range(9, 0, -1)]
    text = "".join(f"{u}::{m}::{r}::{t}\n" for u, m, r, t in rows)
    movies = "".join(f"{number}::Film {number} (1990)::Drama\n" for number in range(1, 6))
    monkeypatch.setattr(files, "BLOCK_SIZE", size)
    path = write_folder(tmp_path, "ml-x", {"movies.dat": movies.encode(), "ratings.dat": text.encode()})
    with open_archive(path) as archive:
        assert pl.concat(archive.ratings()).rows() == rows
    (path / "ratings.dat").write_text(text + "3::2::5::7\n")
    with open_archive(path) as archive, pytest.raises(BadLineError) as caught:
        list(archive.ratings())
    assert caught.value.bad.line == 46
    assert caught.value.bad.reason == "a second rating of the same movie by the same person"


def test_the_first_bad_line_of_the_file_stops_whatever_its_kind(tmp_path):
    ratings = b"1::1::5::978300760\n1::2571::9::978300760\nx::1::5::978300760\n1::1::5::978300760\n"
    path = write_folder(tmp_path, "ml-1m", {**DAT_1M, "ratings.dat": ratings})
    with open_archive(path) as archive, pytest.raises(BadLineError) as caught:
        list(archive.ratings())
    assert str(caught.value).startswith("ratings.dat, line 2: the rating is not within")


@given(st.lists(st.lists(st.tuples(st.integers(1, 9), st.integers(1, 9)), max_size=12), max_size=8))
def test_pairs_are_known_again_across_blocks(blocks):
    pairs, seen = PairsSeen(), set()
    for block in blocks:
        frame = pl.DataFrame(block, schema={"u": pl.Int64, "m": pl.Int64}, orient="row")
        expected = []
        for pair in block:
            expected.append(pair in seen)
            seen.add(pair)
        assert pairs.add(frame["u"].to_numpy(), frame["m"].to_numpy()).tolist() == expected


@given(st.sets(st.one_of(st.integers(1, 50), st.integers(2**30, 2**31))), st.lists(st.integers(-5, 2**33)))
def test_a_set_of_ids_knows_its_own(ids, values):
    values = pl.Series([*values, *ids], dtype=pl.Int64).to_numpy()
    assert IdSet(ids).contains(values).tolist() == [value in ids for value in values.tolist()]
