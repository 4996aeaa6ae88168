import numpy as np
import polars as pl
import pytest

from recommendations.standalone.tables import ExportError, check_target, list_frame, table_write


def frame(users=("a",), names=("x", "y", "z"), limit=100) -> pl.DataFrame:
    items = np.array([[1, -1, 0, 2]] * len(users))
    scores = np.array([[0.5, 0.0, 0.25, 0.125]] * len(users), np.float32)
    return list_frame(np.array(users), items, scores, np.array(names), limit)


def test_what_is_left_out_moves_up_what_follows():
    assert frame(limit=2).rows() == [("a", "y", 1, 0.5), ("a", "x", 2, 0.25)]


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_blocks_are_written_in_order_and_no_other_file_is_left(tmp_path, suffix):
    path = tmp_path / f"out.{suffix}"

    rows = table_write(path, [frame(["a"]), frame(["b", "c"])])

    read = pl.read_csv(path) if suffix == "csv" else pl.read_parquet(path)
    assert rows == read.height == 9
    assert read.columns == ["user", "movie", "rank", "score"]
    assert read["user"].to_list() == list("aaabbbccc")
    assert read["rank"].to_list() == [1, 2, 3] * 3
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_a_failing_export_leaves_the_old_file_and_no_other(tmp_path, suffix):
    path = tmp_path / f"out.{suffix}"
    path.write_text("old")

    def frames():
        yield frame()
        raise OSError("no space left on device")

    with pytest.raises(OSError, match="no space"):
        table_write(path, frames())

    assert path.read_text() == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


def test_ids_that_look_like_formulas_are_escaped_in_csv_alone(tmp_path):
    odd = frame(["=1+1", "-5", "@me"], names=("+x", 'say "hi", you', "-2.5"))
    table_write(tmp_path / "out.csv", [odd])
    table_write(tmp_path / "out.parquet", [odd])

    rows = pl.read_csv(tmp_path / "out.csv", infer_schema=False)
    assert rows["user"].unique(maintain_order=True).to_list() == ["'=1+1", "-5", "'@me"]
    assert rows["movie"].to_list()[:3] == ['say "hi", you', "'+x", "-2.5"]
    assert pl.read_parquet(tmp_path / "out.parquet")["user"][0] == "=1+1"


def test_a_target_is_checked_before_the_work(tmp_path):
    for path, message in (
        (tmp_path / "out.txt", r"must end in \.csv or \.parquet"),
        (tmp_path / "none" / "out.csv", "There is no folder"),
        (tmp_path, "must end in"),
    ):
        with pytest.raises(ExportError, match=message):
            check_target(path)
    (tmp_path / "a.csv").mkdir()
    with pytest.raises(ExportError, match="is a folder"):
        check_target(tmp_path / "a.csv")
