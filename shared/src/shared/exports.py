"""Reading CSV exports as other systems really write them, line by line in constant memory."""

import codecs
import csv
import re
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, NamedTuple

LONGEST_LINE = 64 * 1024
# A quoted cell may hold line breaks; a record longer than this is a quote that nobody closed.
LONGEST_RECORD_LINES = 10
_BLOCK = 1 << 20
# What "surrogateescape" makes of a byte that the encoding does not know; no readable row holds one.
_UNKNOWN_BYTE = re.compile("[\udc80-\udcff]")
_DELIMITERS = (";", ",", "\t")
_OTHER_UNICODE = (
    codecs.BOM_UTF16_LE,
    codecs.BOM_UTF16_BE,
    codecs.BOM_UTF32_LE,
    codecs.BOM_UTF32_BE,
)


class ImportRefused(Exception):
    """The import cannot go on; the text is for the person who started it. Nothing was applied."""

    exit_code = 1


class Record(NamedTuple):
    """One record: the line that it begins on (the header is line 1), its cells, and why it cannot be used, if so."""

    line: int
    cells: Sequence[str]
    problem: str | None
    bytes_read: int


@dataclass(frozen=True)
class Export:
    """What was found out about a file before its rows are read."""

    path: Path
    encoding: str
    delimiter: str
    header: tuple[str, ...]
    size: int


def inspect(path: Path, required: Sequence[str], optional: Sequence[str] = ()) -> Export:
    """Encoding, delimiter and header of the export at `path`; `ImportRefused` names what is missing.

    Reads the whole file once: a file is cp1251 when more of its non-ASCII lines break UTF-8 than keep to it, so that
    one address cut in the middle of a letter does not turn a UTF-8 file's names into gibberish.
    """
    try:
        with path.open("rb") as stream:
            encoding = _encoding(stream, path)
            stream.seek(0)
            first = stream.readline(LONGEST_LINE).decode(encoding, "surrogateescape")
            size = path.stat().st_size
    except OSError as error:
        raise ImportRefused(f"{path}: {error.strerror or error}") from error
    if not first.strip():
        raise ImportRefused(f"{path}: the file is empty; its first line must name the columns {', '.join(required)}")
    delimiter, header = max(
        ((mark, _header(first, mark)) for mark in _DELIMITERS),
        key=lambda found: len({*required, *optional}.intersection(found[1])),
    )
    missing = [name for name in required if name not in header]
    if missing:
        raise ImportRefused(f"{path}: the first line has no column {', '.join(missing)}")
    doubled = [name for name in (*required, *optional) if header.count(name) > 1]
    if doubled:
        raise ImportRefused(f"{path}: the first line names the column {', '.join(doubled)} more than once")
    return Export(path, encoding, delimiter, header, size)


def records(export: Export) -> Iterator[Record]:
    """Every record after the header. One that is broken says why and costs no other its place; blank lines are passed
    over. A quote that is not closed spoils its own line only."""
    with export.path.open("rb") as stream:
        lines = _Lines(stream, export.encoding)
        lines.take()
        while (line := lines.take()) is not None:
            number, text, problem = line
            if not text.strip() and problem is None:
                continue
            if problem is None:
                cells, problem = _cells(text, lines, export)
            else:
                cells = text.split(export.delimiter)
            yield Record(number, cells, problem, lines.bytes_read)


def _cells(text: str, lines: "_Lines", export: Export) -> tuple[Sequence[str], str | None]:
    """The cells of the record that begins with `text`, taking further lines while a quote is open."""
    if '"' not in text:
        return _counted(text.split(export.delimiter), export)
    cells = _parsed(text, export.delimiter)
    if cells is not None:
        return _counted(cells, export)
    further: list[tuple[int, str, str | None]] = []
    while len(further) < LONGEST_RECORD_LINES and (line := lines.take()) is not None:
        further.append(line)
        cells = _parsed("\n".join([text, *(part for _, part, _ in further)]), export.delimiter)
        if cells is not None or line[2] is not None:
            break
    if cells is not None and _counted(cells, export)[1] is None:
        return _counted(cells, export)
    lines.give_back(further)
    return [text], "its quotes are broken"


def _parsed(text: str, delimiter: str) -> list[str] | None:
    try:
        return next(csv.reader([text], delimiter=delimiter, strict=True))
    except csv.Error:
        return None


def _counted(cells: list[str], export: Export) -> tuple[Sequence[str], str | None]:
    width = len(export.header)
    if len(cells) > width and not any(cells[width:]):
        cells = cells[:width]
    if len(cells) != width:
        return cells, f"{len(cells)} columns instead of {width}"
    return cells, None


def _header(first: str, delimiter: str) -> tuple[str, ...]:
    cells = _parsed(first.rstrip("\r\n"), delimiter) or []
    return tuple(cell.strip().casefold() for cell in cells)


def _encoding(stream: BinaryIO, path: Path) -> str:
    start = stream.read(4)
    if start.startswith(codecs.BOM_UTF8):
        return "utf-8-sig"
    if start.startswith(_OTHER_UNICODE):
        raise ImportRefused(f"{path}: the file is UTF-16 or UTF-32; save it as UTF-8 or cp1251")
    stream.seek(0)
    kept = broken = 0
    while block := stream.read(_BLOCK):
        block += stream.readline(LONGEST_LINE)
        if block.isascii():
            continue
        if _is_utf8(block):
            kept += block.count(b"\n") + 1
            continue
        told = [_is_utf8(line) for line in block.split(b"\n") if not line.isascii()]
        kept += told.count(True)
        broken += told.count(False)
    return "cp1251" if broken > kept else "utf-8"


def _is_utf8(raw: bytes) -> bool:
    try:
        raw.decode()
    except UnicodeDecodeError:
        return False
    return True


class _Lines:
    """Numbered lines of a stream without their ends; lines can be given back."""

    def __init__(self, stream: BinaryIO, encoding: str) -> None:
        self._stream = stream
        self._encoding = encoding
        self._returned: deque[tuple[int, str, str | None]] = deque()
        self._number = 0
        self.bytes_read = 0

    def take(self) -> tuple[int, str, str | None] | None:
        """(number, text, problem) of the next line, None at the end."""
        if self._returned:
            return self._returned.popleft()
        raw = self._stream.readline(LONGEST_LINE)
        if not raw:
            return None
        self._number += 1
        self.bytes_read += len(raw)
        problem = None
        if len(raw) == LONGEST_LINE and not raw.endswith(b"\n"):
            self._skip_rest()
            raw, problem = b"", "the line is too long"
        text = raw.decode(
            self._encoding if self._number == 1 else _plain(self._encoding),
            "surrogateescape",
        )
        text = text.rstrip("\r\n")
        if "\0" in text:
            problem = "it holds a NUL character"
        elif not text.isascii() and _UNKNOWN_BYTE.search(text):
            problem = f"it holds bytes that are not {_plain(self._encoding)}"
        return self._number, text, problem

    def give_back(self, taken: Sequence[tuple[int, str, str | None]]) -> None:
        self._returned.extendleft(reversed(taken))

    def _skip_rest(self) -> None:
        while rest := self._stream.readline(LONGEST_LINE):
            self.bytes_read += len(rest)
            if rest.endswith(b"\n"):
                return


def _plain(encoding: str) -> str:
    return encoding.removesuffix("-sig")
