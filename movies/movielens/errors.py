"""Errors of imported files, each with file, line and reason."""

import csv
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

# Characters of a malformed line kept in the report: enough to find it.
TEXT_LIMIT = 500


class ImportFailed(Exception):  # noqa: N818 -- the name says what happened.
    """The import stopped; the message is shown to the operator."""


class ArchiveError(ImportFailed):
    """The archive cannot be read: it is missing, damaged, or has no known layout."""


@dataclass(frozen=True)
class BadLine:
    """A malformed line. ``line`` counts from 1; ``reason`` holds no values, so that lines can be counted by reason."""

    file: str
    line: int
    reason: str
    text: str

    def __str__(self) -> str:
        shown = self.text if len(self.text) <= 120 else self.text[:120] + "…"
        return f"{self.file}, line {self.line}: {self.reason}: {shown!r}"


class BadLineError(ImportFailed):
    """A malformed line stopped the import."""

    def __init__(self, bad: BadLine) -> None:
        super().__init__(str(bad))
        self.bad = bad


class TooManyBadLinesError(ImportFailed):
    """More lines of a file were skipped than read, so it is probably another kind of file."""


class BadLines:
    """Handles malformed lines: raises on the first, or skips, counts and reports them.

    With ``skip`` off, ``add`` raises ``BadLineError``. With it on, lines are counted by reason and, when ``report``
    is given, written there as CSV (file,line,reason,text). The file is created with the first malformed line.
    """

    def __init__(self, *, skip: bool = False, report: Path | None = None) -> None:
        self.skip = skip
        self.counts: Counter[str] = Counter()
        self._of_file: dict[str, Counter[str]] = defaultdict(Counter)
        self.report = report
        self._file: IO[str] | None = None
        self._writer: Any = None
        if skip and report is not None and not report.resolve().parent.is_dir():
            raise ArchiveError(f"The report cannot be written: the folder {report.resolve().parent} does not exist.")

    def add(self, bad: BadLine) -> None:
        """Records a malformed line. Raises ``BadLineError`` unless ``skip`` is on."""
        if not self.skip:
            raise BadLineError(bad)
        self.counts[bad.reason] += 1
        self._of_file[bad.file][bad.reason] += 1
        if self.report is not None:
            self._write(bad, self.report)

    @property
    def total(self) -> int:
        return sum(self.counts.values())

    def check_share(self, file: str, good: int) -> None:
        """Raises ``TooManyBadLinesError`` if more lines of ``file`` were skipped than the ``good`` ones read."""
        reasons = self._of_file[file]
        skipped = reasons.total()
        if skipped <= good:
            return
        reason, count = reasons.most_common(1)[0]
        listed = f" They are listed in {self.report}." if self.report else ""
        raise TooManyBadLinesError(
            f"{file}: {skipped:,} of {skipped + good:,} lines are malformed, which is too many to skip;"
            f" {count:,} times: {reason}.{listed}"
        )

    def _write(self, bad: BadLine, report: Path) -> None:
        if self._file is None:
            try:
                self._file = report.open("w", encoding="utf-8", newline="", errors="backslashreplace")
            except OSError as error:
                raise ArchiveError(f"The report {report} cannot be written: {error.strerror}.") from error
            self._writer = csv.writer(self._file)
            self._writer.writerow(["file", "line", "reason", "text"])
        # Quoted, so that a spreadsheet does not run a line as a formula.
        text = bad.text[:TEXT_LIMIT]
        self._writer.writerow([bad.file, bad.line, bad.reason, f"'{text}" if text[:1] in "=+-@" else text])

    def close(self) -> None:
        if self._file is not None:
            self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
