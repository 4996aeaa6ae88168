"""A version's files: what turns a new movie's text into vectors. One folder a version, whole or absent."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from pathlib import Path

from django.conf import settings

from recommendations.algorithms.content import ContentEncoder
from recommendations.algorithms.fold_in import FoldIn
from recommendations.algorithms.pipeline import ENCODER_FILE, FOLD_IN_FILE, TrainedModel
from recommendations.algorithms.sentence_encoder import SentenceEncoder, load_encoder
from recommendations.algorithms.storage import ModelFileError
from recommendations.models import ModelVersion


def artefacts_folder(version_id: int) -> Path:
    """Where a version's files stand."""
    return Path(settings.MODEL_DIR) / str(version_id)


def artefacts_save(*, version: ModelVersion, model: TrainedModel) -> None:
    """Write the version's files and remember their SHA-256 in its row, which the caller saves. Raises OSError."""
    folder = artefacts_folder(version.pk)
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f".{version.pk}-", dir=folder.parent))
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
    if not path.is_file():
        raise ModelFileError(f"{path}: there is no such model file.")
    if _digest(path) != version.artefacts[name]:
        raise ModelFileError(f"{path}: this is not the file that training wrote: its SHA-256 differs.")
    return path


def artefacts_delete(*, version_id: int) -> None:
    """Remove a version's files, if there are any."""
    shutil.rmtree(artefacts_folder(version_id), ignore_errors=True)


def _digest(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
