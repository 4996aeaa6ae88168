"""A version's files: what turns a new movie's text into vectors. One folder a version, whole or absent."""

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
from recommendations.algorithms.model_files import ModelFileError
from recommendations.algorithms.pipeline.train import ENCODER_FILE, FOLD_IN_FILE, TrainedModel
from recommendations.models import ModelVersion

logger = structlog.get_logger(__name__)

# "7" is version 7's folder; ".7-0f3a" is one that is being written.
_FOLDER = re.compile(r"(?P<version>\d+)|\.\d+-\w+")
# Another host or database may share MODEL_DIR: what was touched within this time may be in the making there.
ABANDONED_AFTER_SECONDS = 3600


def artefacts_folder(version_id: int) -> Path:
    """Where a version's files stand."""
    return Path(settings.MODEL_DIR) / str(version_id)


def artefacts_save(*, version: ModelVersion, model: TrainedModel) -> None:
    """Write the version's files and remember their SHA-256 in its row, which the caller saves. Raises OSError.

    Folder and files get the modes that the process's umask gives (0755 and 0644 under 022), so that a web process under
    another account can read them.
    """
    folder = artefacts_folder(version.pk)
    folder.parent.mkdir(parents=True, exist_ok=True)
    # Not by tempfile, whose folders only their owner may enter.
    temporary = folder.with_name(f".{version.pk}-{secrets.token_hex(8)}")
    temporary.mkdir()
    try:
        model.save(temporary)
        version.artefacts = {path.name: _digest(path) for path in sorted(temporary.iterdir())}
        # Left by a database that was made anew: its version numbers start again.
        shutil.rmtree(folder, ignore_errors=True)
        temporary.rename(folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def artefacts_load(*, version: ModelVersion) -> tuple[ContentEncoder, FoldIn | None]:
    """The version's encoder and regression. Raises ModelFileError when a file is missing or is not the one written."""
    encoder = encoder_load(version=version)
    if FOLD_IN_FILE not in version.artefacts:
        return encoder, None
    return encoder, FoldIn.load(_checked(version, FOLD_IN_FILE))


def encoder_load(*, version: ModelVersion) -> ContentEncoder:
    """The version's encoder alone. Raises ModelFileError as artefacts_load does."""
    encoder = load_encoder(_checked(version, ENCODER_FILE))
    if isinstance(encoder, SentenceEncoder):
        # Its weights are no file of the version: whether they are here is to be known now.
        encoder.fit([])
    return encoder


def _checked(version: ModelVersion, name: str) -> Path:
    """The path of a file that is as training wrote it. Raises ModelFileError."""
    if name not in version.artefacts:
        raise ModelFileError(f"version {version.pk} has no model files")
    path = artefacts_folder(version.pk) / name
    try:
        found = _digest(path)
    except FileNotFoundError as error:
        raise ModelFileError(f"{path}: there is no such model file.") from error
    except OSError as error:
        raise ModelFileError(f"{path}: this model file cannot be read: {error.strerror}.") from error
    if found != version.artefacts[name]:
        raise ModelFileError(f"{path}: this is not the file that training wrote: its SHA-256 differs.")
    return path


def artefacts_problem(*, version: ModelVersion) -> str:
    """What is wrong with the version's files on this machine, in words for anyone; nothing if they are as written.

    Cheap: a file is read again only once its size or its time of change is another.
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
    """Whether each of the version's files is here and as training wrote it."""
    try:
        for name in version.artefacts:
            _checked(version, name)
    except (ModelFileError, OSError):
        return False
    return bool(version.artefacts)


def artefacts_sweep() -> list[str]:
    """Remove folders that a killed training left half written, and those of versions without a row; their names.

    Only for who holds the lock of training. A folder touched in the last hour stays, as does whatever has another name.
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
