"""Reads the files of a folder or a zip in blocks of whole lines."""

import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO

from movies.movielens.errors import ArchiveError

# Bytes of text parsed at a time: about 300,000 ratings, which take about 50 MB of memory.
BLOCK_SIZE = 8 << 20
_BOM = b"\xef\xbb\xbf"
_DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, RuntimeError)

OnRead = Callable[[int], None]


class Source:
    """The files of an archive, by path with ``/`` as the separator. Nothing is unpacked to disk."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._sizes: dict[str, int] = {}

    @property
    def names(self) -> list[str]:
        return list(self._sizes)

    def size(self, name: str) -> int:
        """The uncompressed size of a file in bytes."""
        return self._sizes[name]

    def _open(self, name: str) -> IO[bytes]:
        raise NotImplementedError

    @contextmanager
    def open(self, name: str) -> Iterator[IO[bytes]]:
        """Opens a file. Raises ``ArchiveError`` naming the file if it is damaged, also while it is read."""
        try:
            with self._open(name) as stream:
                yield stream
        except _DAMAGE as error:
            raise ArchiveError(f"{name} in {self.path} cannot be read: {error}") from error

    def blocks(self, name: str, on_read: OnRead | None = None, size: int = 0) -> Iterator[tuple[int, bytes]]:
        """Yields (number of the block's first line, bytes of whole lines); each block ends with a line feed.

        A byte order mark is dropped. ``on_read`` is called with the number of bytes read. Memory: two blocks.
        """
        size = size or BLOCK_SIZE
        line, rest, done = 1, b"", 0
        with self.open(name) as stream:
            while piece := stream.read(size):
                if done == 0:
                    piece = piece.removeprefix(_BOM)
                done += len(piece)
                end = piece.rfind(b"\n") + 1
                if end == 0 and len(rest) + len(piece) > BLOCK_SIZE:
                    raise ArchiveError(f"{name}, line {line}: longer than {BLOCK_SIZE >> 20} MB; not a text file?")
                if end:
                    block, rest = rest + piece[:end], piece[end:]
                    yield line, block
                    line += block.count(b"\n")
                else:
                    rest += piece
                if on_read:
                    on_read(done)
            if rest:
                yield line, rest + b"\n"

    def lines(self, name: str, on_read: OnRead | None = None) -> Iterator[tuple[int, bytes]]:
        """Yields (line number, line without its end)."""
        for first, block in self.blocks(name, on_read, size=1 << 20):
            for offset, line in enumerate(block[:-1].split(b"\n")):
                yield first + offset, line.removesuffix(b"\r")

    def close(self) -> None:
        """Closes the archive."""


class FolderSource(Source):
    """A folder and its direct subfolders."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        try:
            files = [*path.glob("*"), *path.glob("*/*")]
            self._sizes = {file.relative_to(path).as_posix(): file.stat().st_size for file in files if file.is_file()}
        except OSError as error:
            raise ArchiveError(f"{path} cannot be read: {error.strerror}") from error

    def _open(self, name: str) -> IO[bytes]:
        return (self.path / name).open("rb")


class ZipSource(Source):
    """A zip archive, read without unpacking."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        try:
            self._zip = zipfile.ZipFile(path)
        except _DAMAGE as error:
            raise ArchiveError(f"{path} is not a zip archive, or it is damaged or cut short: {error}") from error
        for entry in self._zip.infolist():
            name = PurePosixPath(entry.filename.replace("\\", "/"))
            if name.is_absolute() or ".." in name.parts or entry.filename[1:2] == ":":
                self._zip.close()
                raise ArchiveError(f"{path} holds a path that leads out of it: {entry.filename!r}. It was not read.")
            if not entry.is_dir() and name.parts[:1] != ("__MACOSX",):
                self._sizes[entry.filename] = entry.file_size

    def _open(self, name: str) -> IO[bytes]:
        return self._zip.open(name)

    def close(self) -> None:
        self._zip.close()


class FileSource(Source):
    """A single file."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._sizes = {path.name: path.stat().st_size}

    def _open(self, name: str) -> IO[bytes]:
        return self.path.open("rb")


def open_source(path: Path) -> Source:
    """Opens a folder or a zip. Raises ``ArchiveError`` if ``path`` does not exist or is neither."""
    if path.is_dir():
        return FolderSource(path)
    if not path.exists():
        raise ArchiveError(f"There is nothing at {path}.")
    return ZipSource(path)
