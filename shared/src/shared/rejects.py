"""The file of an import's bad rows, written beside the input."""

import csv
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self, TextIO

from shared.exports import Export, ImportRefused, Record

# A spreadsheet runs a cell that begins so; a signed number or a phone is let be.
_FORMULA = re.compile(r"[=@\t\r]|[+-](?![\d\s().,-]+$)")


class Rejects:
    """`<input>.rejected.csv`: made at the first row, in place only when the whole file was read, for its owner only."""

    def __init__(self, export: Export, secret: Sequence[str]) -> None:
        self._export = export
        self._secret = {place for place, name in enumerate(export.header) if name in secret}
        self._path = export.path.with_name(export.path.name + ".rejected.csv")
        self._part = self._path.with_name(self._path.name + ".part")
        self._stream: TextIO | None = None
        self._writer: Any = None
        self.written: Path | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, failed: object, *_: object) -> None:
        if self._stream is not None:
            self._stream.close()
        if failed:
            self._part.unlink(missing_ok=True)
        elif self._stream is not None:
            self.written = self._part.replace(self._path)
        else:
            # An earlier run's file would say that rows of this one are bad.
            self._path.unlink(missing_ok=True)

    def write(self, record: Record, reason: str) -> None:
        if self._stream is None:
            self._open()
        self._writer.writerow([record.line, reason, *self._shown(record)])

    def _open(self) -> None:
        try:
            self._part.unlink(missing_ok=True)
            handle = os.open(self._part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except OSError as error:
            raise ImportRefused(f"{self._part}: cannot write the bad rows: {error.strerror}") from error
        self._stream = os.fdopen(
            handle,
            "w",
            encoding=self._export.encoding,
            errors="surrogateescape",
            newline="",
        )
        self._writer = csv.writer(self._stream, delimiter=self._export.delimiter, lineterminator="\r\n")
        self._writer.writerow(["line_number", "reason", *self._export.header])

    def _shown(self, record: Record) -> list[str]:
        if self._secret and record.problem is not None:
            return []
        return [
            "(secret)" if place in self._secret and cell else f"'{cell}" if _FORMULA.match(cell) else cell
            for place, cell in enumerate(record.cells)
        ]
