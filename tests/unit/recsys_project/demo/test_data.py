"""Which data the demo takes, and that it knows it again."""

import urllib.error
import zipfile

import pytest

from recsys_project.demo import data
from recsys_project.demo.steps import DemoError
from tests.archives import DAT_1M, write_zip


@pytest.fixture
def unreachable(monkeypatch):
    def refuse(*args, **kwargs):
        raise urllib.error.URLError("no route")

    monkeypatch.setattr(data.urllib.request, "urlopen", refuse)


def test_data_that_is_not_there_is_named(tmp_path):
    with pytest.raises(DemoError, match=r"There is no data at .*missing\.zip"):
        data.given_dataset(tmp_path / "missing.zip")


def test_an_archive_keeps_its_name_and_other_files_are_refused(tmp_path):
    (tmp_path / "notes.txt").write_text("1,2,3\n")
    with pytest.raises(DemoError, match=r"--data .*notes\.txt"):
        data.given_dataset(tmp_path / "notes.txt")

    assert data.given_dataset(write_zip(tmp_path, "ml-1m", DAT_1M)).name == "ml-1m"


def test_a_download_of_an_earlier_run_is_used_again(tmp_path, unreachable):
    archive = tmp_path / "downloads" / "ml-latest-small.zip"
    archive.parent.mkdir()
    archive.touch()

    assert data.default_dataset(tmp_path).path == archive


def test_where_grouplens_cannot_be_reached_the_wheel_is_used(tmp_path, unreachable, monkeypatch):
    monkeypatch.setattr(data, "fetch_ml_100k", lambda downloads, target: target.mkdir(parents=True))

    first = data.default_dataset(tmp_path)
    second = data.default_dataset(tmp_path)

    assert first.path == second.path == tmp_path / "data" / "ml-100k"
    assert "recbole==1.2.1" in first.origin
    assert "no route" in first.origin


def test_an_answer_that_is_no_archive_is_not_kept(tmp_path, monkeypatch):
    page = tmp_path / "page.html"
    page.write_text("<html>sign in to this network</html>")
    monkeypatch.setattr(data.urllib.request, "urlopen", lambda *args, **kwargs: page.open("rb"))
    monkeypatch.setattr(data, "fetch_ml_100k", lambda downloads, target: target.mkdir(parents=True))

    chosen = data.default_dataset(tmp_path)

    assert chosen.path.name == "ml-100k"
    assert not (tmp_path / "downloads" / "ml-latest-small.zip").exists()


def test_a_fingerprint_depends_on_the_files_not_on_the_folder(tmp_path):
    for name in ("here", "there"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "u.data").write_text("1\t2\t3\t4\n")
    before = data.fingerprint(tmp_path / "here")

    assert data.fingerprint(tmp_path / "there") == before
    (tmp_path / "here" / "u.data").write_text("1\t2\t4\t4\n")
    assert data.fingerprint(tmp_path / "here") != before


def test_a_whole_download_is_kept(tmp_path, monkeypatch):
    source = tmp_path / "source.zip"
    with zipfile.ZipFile(source, "w") as archive:
        archive.writestr("ml-latest-small/ratings.csv", "userId,movieId,rating,timestamp\n")
    monkeypatch.setattr(data.urllib.request, "urlopen", lambda *args, **kwargs: SourceResponse(source))

    chosen = data.default_dataset(tmp_path)

    assert chosen.path.read_bytes() == source.read_bytes()
    assert [file.name for file in chosen.path.parent.iterdir()] == ["ml-latest-small.zip"]


class SourceResponse:
    """A file, read as an HTTP response is."""

    def __init__(self, path):
        self.file = path.open("rb")

    def __enter__(self):
        return self.file

    def __exit__(self, *args):
        self.file.close()
