"""A trained model as a folder: lists, factors, encoders and model.json. Complete or absent; no pickle anywhere.

model.json          data, algorithm, hyperparameters, metrics and seconds; the SHA-256 of every other file
ids.npz             the ids of people and items, as text, in the order of the rows below
list_items.npy      int32 (people, n): rows of ids.npz's items, best first, -1 where a list ends early
list_scores.npy     float32 (people, n)
list_ratings.npy    float32 (people, n): predicted ratings, NaN if unknown; only if ratings are predicted
factors.npz         query_factors and item_factors, float32 (items, rank), and whether each item was trained
encoder.npz, fold_in.npz   turn a new item's text into vectors; only if the data has texts
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recommendations.algorithms.model_files import ModelFileError, load_arrays, save_arrays
from recommendations.algorithms.pipeline.trained_model import ENCODER_FILE, FOLD_IN_FILE, TrainedModel
from recommendations.standalone.data import StandaloneData

FORMAT = "recsys-model"
FORMAT_VERSION = 1
MANIFEST = "model.json"
IDS = "ids.npz"
FACTORS = "factors.npz"
LIST_ITEMS, LIST_SCORES, LIST_RATINGS = "list_items.npy", "list_scores.npy", "list_ratings.npy"
_KNOWN = {MANIFEST, IDS, FACTORS, LIST_ITEMS, LIST_SCORES, LIST_RATINGS, ENCODER_FILE, FOLD_IN_FILE}
_BLOCK = 1024


class BundleError(ValueError):
    """A model's folder cannot be written or read; the message is for the user."""


@dataclass(frozen=True, slots=True)
class Bundle:
    """The content of a model's folder. The lists stay on disk and are paged in on use."""

    manifest: dict[str, Any]
    user_ids: NDArray[np.str_]
    item_ids: NDArray[np.str_]
    # int32 and float32, shape (people, n).
    items: NDArray[np.int32]
    scores: NDArray[np.float32]

    def blocks(self, size: int = 4096) -> Iterator[tuple[NDArray[np.str_], NDArray[np.int32], NDArray[np.float32]]]:
        """Blocks of (user ids, item positions, scores), ``size`` people at a time."""
        for start in range(0, len(self.user_ids), size):
            rows = slice(start, start + size)
            yield self.user_ids[rows], np.asarray(self.items[rows]), np.asarray(self.scores[rows])


def check_out(folder: Path) -> None:
    """Check that ``folder`` does not exist, is empty or holds a model. Raises BundleError otherwise."""
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        raise BundleError(f"{folder} is not a folder.")
    if folder.is_dir():
        names = {path.name for path in folder.iterdir()}
        if names and not (names <= _KNOWN and MANIFEST in names and _is_ours(folder)):
            raise BundleError(f"{folder} holds other files: give a folder that is new, empty or an earlier model.")
    parent = folder.absolute().parent
    if not parent.is_dir():
        raise BundleError(f"There is no folder {parent} to write {folder.name} in.")
    try:
        with tempfile.TemporaryFile(dir=parent):
            pass
    except OSError as error:
        raise BundleError(f"{parent} cannot be written to: {error.strerror}.") from error


def _is_ours(folder: Path) -> bool:
    try:
        return bool(json.loads((folder / MANIFEST).read_text())["format"] == FORMAT)
    except (OSError, ValueError, KeyError, TypeError):
        return False


@contextmanager
def replaced_folder(folder: Path) -> Iterator[Path]:
    """An empty folder that replaces ``folder`` if the block succeeds, and is removed if it fails."""
    folder = folder.absolute()
    temporary = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    aside = temporary.with_name(f"{temporary.name}-old")
    try:
        yield temporary
        # mkdtemp creates folders that no other account may read.
        temporary.chmod(0o755)
        if folder.is_dir():
            folder.rename(aside)
        try:
            temporary.rename(folder)
        except OSError:
            if aside.is_dir():
                aside.rename(folder)
            raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
        shutil.rmtree(aside, ignore_errors=True)


def bundle_write(folder: Path, model: TrainedModel, data: StandaloneData, length: int) -> None:
    """Write everything except the manifest to an existing folder: lists of ``length``, factors, ids. Raises OSError."""
    save_arrays(folder / IDS, "ids", {"users": data.user_ids, "items": data.item_ids})
    trained = {"query_factors": model.query_factors, "item_factors": model.item_factors, "trained": model.trained}
    save_arrays(folder / FACTORS, "factors", trained)
    if data.has_texts:
        model.save(folder)
    _write_lists(folder, model, len(data.user_ids), min(length, len(model.interactions.item_ids)))


def _write_lists(folder: Path, model: TrainedModel, people: int, n: int) -> None:
    """Write block by block to memory-mapped files, so that memory does not grow with the number of people."""
    items = np.lib.format.open_memmap(folder / LIST_ITEMS, mode="w+", dtype=np.int32, shape=(people, n))
    scores = np.lib.format.open_memmap(folder / LIST_SCORES, mode="w+", dtype=np.float32, shape=(people, n))
    ratings: NDArray[np.float32] | None = None
    for users, movie_ids, values in model.lists(n, model.movie_ids, _BLOCK):
        items[users], scores[users] = movie_ids, np.where(movie_ids >= 0, values, np.nan)
        predicted = model.predicted_ratings(users, movie_ids)
        if predicted is None:
            continue
        if ratings is None:
            ratings = np.lib.format.open_memmap(folder / LIST_RATINGS, mode="w+", dtype=np.float32, shape=(people, n))
        ratings[users] = predicted
    for mapped in (items, scores, ratings):
        if isinstance(mapped, np.memmap):
            mapped.flush()


def manifest_write(folder: Path, facts: dict[str, Any]) -> None:
    """Write model.json, after all other files, with the digest of each of them."""
    files = {path.name: _digest(path) for path in sorted(folder.iterdir()) if path.name != MANIFEST}
    whole = {"format": FORMAT, "format_version": FORMAT_VERSION, **facts, "files": files}
    (folder / MANIFEST).write_text(json.dumps(whole, indent=2) + "\n")


def bundle_read(folder: Path) -> Bundle:
    """Read a model's folder. Raises BundleError, naming the file, if training did not write the folder like this."""
    try:
        manifest = json.loads((folder / MANIFEST).read_text())
    except OSError as error:
        raise BundleError(f"{folder} holds no model: {MANIFEST}: {error.strerror}.") from error
    except ValueError as error:
        raise BundleError(f"{folder / MANIFEST} is not JSON: {error}.") from error
    described = isinstance(manifest, dict) and manifest.get("format") == FORMAT
    if not described or not isinstance(manifest.get("files"), dict):
        raise BundleError(f"{folder / MANIFEST} does not describe a model.")
    if manifest.get("format_version") != FORMAT_VERSION:
        raise BundleError(
            f"{folder} has format {manifest.get('format_version')!r}; this release reads {FORMAT_VERSION}."
        )
    for name in sorted({IDS, LIST_ITEMS, LIST_SCORES} | set(manifest["files"])):
        path = folder / name
        if name not in _KNOWN or not path.is_file() or _digest(path) != manifest["files"].get(name):
            raise BundleError(f"{path} is missing, or is not the file that training wrote: its SHA-256 differs.")
    try:
        ids = load_arrays(folder / IDS, "ids")
        items = np.load(folder / LIST_ITEMS, mmap_mode="r", allow_pickle=False)
        scores = np.load(folder / LIST_SCORES, mmap_mode="r", allow_pickle=False)
    except (ModelFileError, OSError, ValueError) as error:
        raise BundleError(f"{folder} cannot be read: {error}") from error
    return Bundle(manifest, ids["users"], ids["items"], items, scores)


def _digest(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
