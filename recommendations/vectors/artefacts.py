"""A version's model files: they turn a new movie's text into vectors, and signals into a query.

One folder per version, complete or absent.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import shutil
import time
from functools import lru_cache
from pathlib import Path

import structlog
from django.conf import settings

from recommendations.algorithms.content.cold_start import FoldIn
from recommendations.algorithms.content.lsa import ContentEncoder
from recommendations.algorithms.content.sentence_encoder import SentenceEncoder, load_encoder
from recommendations.algorithms.folder_errors import folder_named
from recommendations.algorithms.listing.query_mixture import MixedSpace
from recommendations.algorithms.listing.session_query import FEW_SHOT_DIMENSIONS
from recommendations.algorithms.model_files import ModelFileError
from recommendations.algorithms.pipeline.list_folding import ListFolder
from recommendations.algorithms.pipeline.trained_model import (
    ENCODER_FILE,
    FOLD_IN_FILE,
    LIST_FOLDER_FILE,
    NEXT_ITEM_FILE,
    TrainedModel,
)
from recommendations.models import ITEM_DIMENSIONS, ModelVersion

logger = structlog.get_logger(__name__)

# "7" is the folder of version 7; ".7-0f3a" is being written.
_FOLDER = re.compile(r"(?P<version>\d+)|\.\d+-\w+")
# Another host or database may share MODEL_DIR and still be writing a folder that changed within this time.
ABANDONED_AFTER_SECONDS = 3600


def artefacts_folder(version_id: int) -> Path:
    """The folder of a version's files."""
    return Path(settings.MODEL_DIR) / str(version_id)


def artefacts_save(*, version: ModelVersion, model: TrainedModel) -> None:
    """Write the version's files and set their SHA-256 in ``artefacts``, which the caller saves. Raises OSError.

    The process's umask decides the modes of folder and files (0755 and 0644 under 022), so that a web process under
    another account can read them.
    """
    folder = artefacts_folder(version.pk)
    # Not tempfile: only the owner can enter its folders.
    temporary = folder.with_name(f".{version.pk}-{secrets.token_hex(8)}")
    with folder_named(folder.parent):
        temporary.mkdir(parents=True)
        try:
            model.save(temporary)
            version.artefacts = {path.name: _digest(path) for path in sorted(temporary.iterdir())}
            # Left by an earlier database: a new one starts its version numbers again.
            shutil.rmtree(folder, ignore_errors=True)
            temporary.rename(folder)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


def artefacts_load(*, version: ModelVersion) -> tuple[ContentEncoder, FoldIn | None]:
    """The version's encoder and regression. Raises ModelFileError when a file is missing or was changed."""
    encoder = encoder_load(version=version)
    if FOLD_IN_FILE not in version.artefacts:
        return encoder, None
    return encoder, FoldIn.load(_checked(version, FOLD_IN_FILE))


def encoder_load(*, version: ModelVersion) -> ContentEncoder:
    """The version's encoder alone. Raises ModelFileError as artefacts_load does."""
    encoder = load_encoder(_checked(version, ENCODER_FILE))
    if isinstance(encoder, SentenceEncoder):
        # Its weights are not among the version's files: check now that they are installed.
        encoder.fit([])
    return encoder


def list_folder_load(*, version: ModelVersion) -> ListFolder | None:
    """What folds newer feedback into the version's lists; None in a version that was trained without FOLD_LISTS.

    Reads the whole file. Raises ModelFileError when it is missing or was changed.
    """
    if LIST_FOLDER_FILE not in version.artefacts:
        return None
    return ListFolder.load(_checked(version, LIST_FOLDER_FILE))


def mixed_space_load(*, version: ModelVersion) -> MixedSpace | None:
    """What makes queries over joined factors; None in a version without a next-item model.

    A process reads the file once. Raises ModelFileError when it is missing, was changed or has another width.
    """
    digest = version.artefacts.get(NEXT_ITEM_FILE)
    if digest is None:
        return None
    return _space(artefacts_folder(version.pk) / NEXT_ITEM_FILE, digest)


# The live version's and that of the one before it.
@lru_cache(maxsize=2)
def _space(path: Path, digest: str) -> MixedSpace:
    """The space in an unchanged file. Raises ModelFileError."""
    _check(path, digest)
    space = MixedSpace.load(path)
    if (space.few_shot_width, space.width) != (FEW_SHOT_DIMENSIONS, ITEM_DIMENSIONS):
        raise ModelFileError(f"{path}: it is for factors of {space.width} dimensions, not {ITEM_DIMENSIONS}.")
    return space


def _checked(version: ModelVersion, name: str) -> Path:
    """The path of an unchanged file of the version. Raises ModelFileError."""
    if name not in version.artefacts:
        raise ModelFileError(f"version {version.pk} has no model files")
    path = artefacts_folder(version.pk) / name
    _check(path, version.artefacts[name])
    return path


def _check(path: Path, digest: str) -> None:
    """Raises ModelFileError unless this file exists and has this SHA-256."""
    try:
        found = _digest(path)
    except FileNotFoundError as error:
        raise ModelFileError(f"{path}: there is no such model file.") from error
    except OSError as error:
        raise ModelFileError(f"{path}: this model file cannot be read: {error.strerror}.") from error
    if found != digest:
        raise ModelFileError(f"{path}: this is not the file that training wrote: its SHA-256 differs.")


def artefacts_problem(*, version: ModelVersion) -> str:
    """What is wrong with the version's files on this machine, as readable text; empty if they are unchanged.

    Cheap: reads a file again only after its size or modification time changed.
    """
    if not version.artefacts:
        return f"version {version.pk} has no model files"
    for name, digest in sorted(version.artefacts.items()):
        path = artefacts_folder(version.pk) / name
        try:
            status = path.stat()
            if not os.access(path, os.R_OK):
                raise PermissionError
            found = _known_digest(path, status.st_ino, status.st_size, status.st_mtime_ns)
        except FileNotFoundError:
            return f"version {version.pk}: {name} is missing"
        except OSError:
            return f"version {version.pk}: {name} cannot be read"
        if found != digest:
            return f"version {version.pk}: {name} is not the file that training wrote"
    return ""


def artefacts_delete(*, version_id: int) -> None:
    """Remove a version's files, if there are any."""
    shutil.rmtree(artefacts_folder(version_id), ignore_errors=True)


def artefacts_whole(*, version: ModelVersion) -> bool:
    """Whether all of the version's files are present and unchanged."""
    try:
        for name in version.artefacts:
            _checked(version, name)
    except (ModelFileError, OSError):
        return False
    return bool(version.artefacts)


def artefacts_sweep() -> list[str]:
    """Remove half-written folders of killed trainings and folders of versions without a row; return their names.

    The caller must hold the training lock. Keeps folders that changed in the last hour and anything with another name.
    """
    root = Path(settings.MODEL_DIR)
    if not root.is_dir():
        return []
    known = {str(pk) for pk in ModelVersion.objects.values_list("pk", flat=True)}
    removed = []
    for path in sorted(root.iterdir()):
        match = _FOLDER.fullmatch(path.name)
        if match is None or match["version"] in known or path.is_symlink() or not path.is_dir():
            continue
        try:
            if time.time() - path.stat().st_mtime < ABANDONED_AFTER_SECONDS:
                continue
            shutil.rmtree(path)
        except OSError as error:
            logger.warning("model_folder_not_removed", folder=str(path), reason=str(error))
            continue
        removed.append(path.name)
    if removed:
        logger.info("model_folders_removed", folders=removed)
    return removed


def _digest(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


@lru_cache(maxsize=16)
def _known_digest(path: Path, inode: int, size: int, changed: int) -> str:
    return _digest(path)
