"""Fetches MovieLens 100K from the wheel ``recbole`` with pip and writes it in GroupLens' layout.

The wheel contains ratings, movies and users as tab-separated files with typed headers ("atomic files"). It is never
installed: only those files are read.
"""

import csv
import io
import subprocess
import sys
import zipfile
from pathlib import Path

from recsys_project.demo.steps import DemoError

REQUIREMENT = "recbole==1.2.1"
_INSIDE = "recbole/dataset_example/ml-100k/ml-100k"
# In the order of the flags in u.item.
_GENRES = [
    "unknown",
    "Action",
    "Adventure",
    "Animation",
    "Children's",
    "Comedy",
    "Crime",
    "Documentary",
    "Drama",
    "Fantasy",
    "Film-Noir",
    "Horror",
    "Musical",
    "Mystery",
    "Romance",
    "Sci-Fi",
    "Thriller",
    "War",
    "Western",
]
_MISSPELT_UNKNOWN = "unkonwn"


def fetch_ml_100k(downloads: Path, target: Path) -> None:
    """Creates ``target`` (a folder named ml-100k) with u.data, u.item, u.user and u.genre.

    Raises DemoError if pip cannot fetch the wheel, or if its content is not as expected.
    """
    wheel = _download(downloads)
    partial = target.with_name(f"{target.name}.partial")
    partial.mkdir(parents=True, exist_ok=True)
    try:
        with zipfile.ZipFile(wheel) as archive:
            for name, write in (("inter", _ratings), ("item", _movies), ("user", _people)):
                with archive.open(f"{_INSIDE}.{name}") as source:
                    rows = csv.reader(io.TextIOWrapper(source, "utf-8"), delimiter="\t", quoting=csv.QUOTE_NONE)
                    next(rows)
                    write(list(rows), partial)
    except (KeyError, ValueError, zipfile.BadZipFile) as error:
        raise DemoError(
            f"{wheel} does not hold MovieLens 100K as expected: {error}. Remove it to fetch it again."
        ) from (error)
    genres = "".join(f"{name}|{number}\n" for number, name in enumerate(_GENRES))
    (partial / "u.genre").write_text(genres, encoding="latin-1")
    partial.rename(target)


def _download(downloads: Path) -> Path:
    downloads.mkdir(parents=True, exist_ok=True)
    pattern = f"{REQUIREMENT.replace('==', '-')}-*.whl"
    if not list(downloads.glob(pattern)):
        fetched = subprocess.run(  # noqa: S603 -- own arguments.
            [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(downloads), REQUIREMENT],
            capture_output=True,
            text=True,
            check=False,
        )
        if fetched.returncode != 0:
            raise DemoError(f"pip cannot fetch {REQUIREMENT}: {fetched.stderr.strip()}")
    found = list(downloads.glob(pattern))
    if not found:
        raise DemoError(f"pip fetched {REQUIREMENT}, but not as a wheel.")
    return found[0]


def _ratings(rows: list[list[str]], folder: Path) -> None:
    lines = [f"{user}\t{item}\t{rating}\t{timestamp}\n" for user, item, rating, timestamp in rows]
    (folder / "u.data").write_text("".join(lines), encoding="latin-1")


def _movies(rows: list[list[str]], folder: Path) -> None:
    lines = []
    for number, title, year, genres in rows:
        name = "unknown" if title == _MISSPELT_UNKNOWN else title
        # One movie has "V" (video) in the year column; its title already contains the year.
        dated = year.isdecimal()
        titled = f"{name} ({year})" if dated else name
        released = f"01-Jan-{year}" if dated else ""
        flags = "|".join("1" if genre in genres.split() else "0" for genre in _GENRES)
        lines.append(f"{number}|{titled}|{released}|||{flags}\n")
    (folder / "u.item").write_text("".join(lines), encoding="latin-1")


def _people(rows: list[list[str]], folder: Path) -> None:
    lines = ["|".join(row) + "\n" for row in rows]
    (folder / "u.user").write_text("".join(lines), encoding="latin-1")
