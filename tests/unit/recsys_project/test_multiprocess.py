"""The metrics files of processes: which are read, and what becomes of those of ended processes."""

import subprocess
import sys
from pathlib import Path

import pytest
from prometheus_client.mmap_dict import MmapedDict, mmap_key
from prometheus_client.multiprocess import MultiProcessCollector

from recsys_project import multiprocess

ENDED = 999_999_000


def write(file: Path, value: float, name: str = "asked_total") -> None:
    values = MmapedDict(str(file))
    values.write_value(mmap_key("asked", name, ["route"], ["a"], "Asked."), value, 0.0)
    values.close()


def total(folder: Path) -> float:
    with multiprocess.reading([folder]) as files:
        metrics = MultiProcessCollector.merge(files)
    return sum(sample.value for metric in metrics for sample in metric.samples)


@pytest.fixture
def living() -> int:
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    yield process.pid
    process.kill()
    process.wait()


def test_files_do_not_grow_over_twenty_restarts(tmp_path, living):
    write(tmp_path / f"counter_{living}.db", 1)
    for restart in range(20):
        for process in range(4):
            pid = ENDED + 10 * restart + process
            write(tmp_path / f"counter_{pid}.db", 1)
            write(tmp_path / f"histogram_{pid}.db", 1, "took_sum")
            write(tmp_path / f"gauge_livesum_{pid}.db", 7)
        multiprocess.merge_ended(tmp_path)

        names = {file.name for file in tmp_path.glob("*.db")}
        assert names == {f"counter_{living}.db", "counter_ended.db", "histogram_ended.db"}
        with multiprocess.reading([tmp_path]) as files:
            values = {s.name: s.value for m in MultiProcessCollector.merge(files) for s in m.samples}
        assert values["asked_total"] == 1 + 4 * (restart + 1)


def test_a_fresh_start_begins_at_zero(tmp_path):
    write(tmp_path / f"counter_{ENDED}.db", 5)
    write(tmp_path / "counter_ended.db", 5)
    (tmp_path / "notes.txt").touch()

    multiprocess.begin(tmp_path)

    assert total(tmp_path) == 0
    assert (tmp_path / "notes.txt").exists()


def test_a_start_beside_another_server_goes_on_counting(tmp_path, living):
    write(tmp_path / f"counter_{living}.db", 2)
    write(tmp_path / f"counter_{ENDED}.db", 5)

    multiprocess.begin(tmp_path)

    assert total(tmp_path) == 7
    assert not (tmp_path / f"counter_{ENDED}.db").exists()


def test_a_file_that_was_cut_off_harms_no_other(tmp_path):
    (tmp_path / f"counter_{ENDED}.db").write_bytes(b"\xff" * 11)
    write(tmp_path / f"counter_{ENDED + 1}.db", 3)

    multiprocess.merge_ended(tmp_path)

    assert total(tmp_path) == 3


def test_a_scrape_reads_its_own_web_folder_and_the_workers(tmp_path, monkeypatch):
    for kind in ("web-8000", "web-8001", "worker"):
        (tmp_path / kind).mkdir()
        write(tmp_path / kind / "counter_1.db", 1)
        (tmp_path / kind / "counter_2.db").touch()  # Made this moment by a process that starts.
    monkeypatch.setenv(multiprocess.VARIABLE, str(tmp_path / "web-8000"))

    with multiprocess.reading(multiprocess.folders()) as files:
        assert files == [str(tmp_path / kind / "counter_1.db") for kind in ("web-8000", "worker")]
