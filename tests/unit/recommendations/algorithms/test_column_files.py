"""Columns that grow by blocks, in memory and in files without a name."""

import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from recommendations.algorithms import column_files

KILLED = """
import os, signal, sys
from pathlib import Path
import numpy as np
from recommendations.algorithms import column_files

column_files.MAX_ROWS_IN_MEMORY = 10
writer = column_files.ColumnsWriter({"users": np.int32}, Path(sys.argv[1]))
writer.append(users=np.arange(100))
column = writer.finish()["users"]
assert column.sum() == 4950
open(sys.argv[2], "w").write(str(Path("/proc/self/maps").read_text().count("(deleted)")))
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture(autouse=True)
def _small(monkeypatch) -> None:
    monkeypatch.setattr(column_files, "MAX_ROWS_IN_MEMORY", 10)


def written(folder: Path | None, blocks: int) -> np.ndarray:
    writer = column_files.ColumnsWriter({"users": np.int32}, folder)
    for block in range(blocks):
        writer.append(users=np.arange(4) + block)
    return writer.finish()["users"]


@pytest.mark.parametrize("blocks", [0, 1, 2, 3, 9])
def test_both_places_hold_the_same(tmp_path, blocks):
    expected = [value + block for block in range(blocks) for value in range(4)]

    for folder in (None, tmp_path):
        column = written(folder, blocks)
        assert column.dtype == np.int32
        assert column.tolist() == expected


def test_a_block_is_not_kept_by_reference():
    writer = column_files.ColumnsWriter({"users": np.int32}, None)
    block = np.zeros(3, np.int32)
    writer.append(users=block)
    block[:] = 7

    assert writer.finish()["users"].tolist() == [0, 0, 0]


def test_a_mapped_column_can_be_written_to(tmp_path):
    column = written(tmp_path, 5)
    column[3] = 99

    assert column.tolist()[:5] == [0, 1, 2, 99, 1]


def test_a_killed_process_leaves_no_file(tmp_path):
    folder, note = tmp_path / "scratch", tmp_path / "note"

    ended = subprocess.run([sys.executable, "-c", KILLED, str(folder), str(note)], check=False)

    assert ended.returncode == -signal.SIGKILL
    assert int(note.read_text()) >= 1
    assert list(folder.iterdir()) == []


def test_a_full_disk_is_an_error_not_a_crash(tmp_path, monkeypatch):
    full = Path("/dev/full").open("wb", buffering=0)  # noqa: SIM115 -- the writer closes it.
    monkeypatch.setattr(column_files, "_new_file", lambda folder: full)

    with pytest.raises(OSError, match="No space left"):
        written(tmp_path, 5)


def test_blocks_need_every_column_of_one_length():
    writer = column_files.ColumnsWriter({"users": np.int32, "items": np.int32}, None)

    with pytest.raises(ValueError, match="every column"):
        writer.append(users=np.zeros(2))
    with pytest.raises(ValueError, match="one length"):
        writer.append(users=np.zeros(2), items=np.zeros(3))
    assert len(writer) == 0
