"""Opens what was uploaded: one file, or the members of a zip, with limits that count what is really inflated."""

import io
import struct
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import IO

from events.taste.formats.rows import TasteFileError

MAX_FILE_BYTES = 20 * 1024 * 1024
MAX_MEMBERS = 2_000
MAX_INFLATED = 40 * 1024 * 1024
# Text shrinks to a tenth, and repetitive JSON to a fiftieth.
MAX_RATIO = 150
_FREE_BYTES = 1024 * 1024
_BLOCK = 64 * 1024
_ZIP = b"PK\x03\x04"
_ENDS = struct.Struct("<4s4H2LH")
# Of a zip with large numbers: a second end, and where it is. zipfile believes them, whatever the first end says.
_ENDS_64 = struct.Struct("<4sQ2H2L4Q")
_LOCATOR_64 = struct.Struct("<4sLQL")
_DIRECTORY_BYTES = 300 * MAX_MEMBERS
_ENCRYPTED = 0x1
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError, OSError)
_READ = (".csv", ".json")


def members_of(file: IO[bytes], name: str) -> Iterator[tuple[str, bytes]]:
    """Yields ``(path, content)`` of each text file in a zip, or of the file itself.

    file: seekable, at any place. Raises TasteFileError before the first member for a zip that is hostile by its
    directory, and while reading as soon as more is inflated than allowed.
    """
    size = file.seek(0, io.SEEK_END)
    if size > MAX_FILE_BYTES:
        raise TasteFileError(f"The file has more than {MAX_FILE_BYTES >> 20} MB.")
    if not size:
        raise TasteFileError("The file is empty.")
    file.seek(0)
    start = file.read(len(_ZIP))
    file.seek(0)
    if start == _ZIP:
        yield from _zip_members(file, size)
    elif start[:2] == b"PK":
        raise TasteFileError("The zip is empty or damaged.")
    else:
        yield PurePosixPath(name.replace("\\", "/")).name, file.read()


def _zip_members(file: IO[bytes], size: int) -> Iterator[tuple[str, bytes]]:
    _check_directory(file, size)
    try:
        with zipfile.ZipFile(file) as archive:
            wanted = _wanted(archive)
            budget = min(MAX_INFLATED, max(_FREE_BYTES, MAX_RATIO * size))
            for path, entry in wanted:
                content = _inflated(archive, entry, budget)
                budget -= len(content)
                yield path, content
    except _DAMAGE as error:
        raise TasteFileError("The zip is damaged.") from error


def _check_directory(file: IO[bytes], size: int) -> None:
    """Refuses a zip whose directory is too long, before zipfile reads all of it."""
    before = _LOCATOR_64.size + _ENDS_64.size
    file.seek(max(0, size - before - _ENDS.size - 65_536))
    tail = file.read()
    at = tail.rfind(b"PK\x05\x06")
    if at < 0 or len(tail) < at + _ENDS.size:
        raise TasteFileError("The zip is damaged or cut short.")
    _, _, _, _, entries, directory, _, _ = _ENDS.unpack_from(tail, at)
    if at >= _LOCATOR_64.size and tail.startswith(b"PK\x06\x07", at - _LOCATOR_64.size):
        if at < before:
            raise TasteFileError("The zip is damaged.")
        *_, entries_64, directory_64, _ = _ENDS_64.unpack_from(tail, at - before)
        entries, directory = max(entries, entries_64), max(directory, directory_64)
    if entries > MAX_MEMBERS or directory > _DIRECTORY_BYTES:
        raise TasteFileError(f"The zip holds more than {MAX_MEMBERS:,} files.")
    file.seek(0)


def _wanted(archive: zipfile.ZipFile) -> list[tuple[str, zipfile.ZipInfo]]:
    """The text files of the zip. Raises TasteFileError for members that no export has."""
    found: dict[str, zipfile.ZipInfo] = {}
    entries = archive.infolist()
    if len(entries) > MAX_MEMBERS:
        raise TasteFileError(f"The zip holds more than {MAX_MEMBERS:,} files.")
    for entry in entries:
        path = PurePosixPath(entry.filename.replace("\\", "/"))
        if path.is_absolute() or ".." in path.parts or entry.filename[1:2] == ":":
            raise TasteFileError("The zip holds a path that leads out of it.")
        if entry.flag_bits & _ENCRYPTED:
            raise TasteFileError("The zip is encrypted: send it without a password.")
        if path.suffix.lower() == ".zip":
            raise TasteFileError("The zip holds another zip: unpack it first.")
        if entry.is_dir() or "__MACOSX" in path.parts or path.suffix.lower() not in _READ:
            continue
        if entry.compress_type not in _METHODS:
            raise TasteFileError("The zip is packed in a way that is not read here.")
        if str(path) in found:
            raise TasteFileError("The zip holds two files of the same name.")
        found[str(path)] = entry
    return list(found.items())


def _inflated(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, budget: int) -> bytes:
    """The content of a member, counted while it is inflated: what the directory says about it may be wrong."""
    pieces: list[bytes] = []
    with archive.open(entry) as stream:
        while piece := stream.read(_BLOCK):
            budget -= len(piece)
            if budget < 0:
                raise TasteFileError("The zip inflates to more than an export holds.")
            pieces.append(piece)
    content = b"".join(pieces)
    if content[:4] == _ZIP:
        raise TasteFileError("The zip holds another zip: unpack it first.")
    return content
