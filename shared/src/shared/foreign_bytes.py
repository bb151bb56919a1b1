"""Records of any client: aiokafka ends its consumer over a header name that is no UTF-8, which Kafka itself takes."""

from collections.abc import Iterator
from itertools import islice
from typing import Any

from aiokafka.consumer import fetcher
from aiokafka.record.default_records import _DefaultRecordBatchPy
from aiokafka.record.memory_records import _MemoryRecordsPy


class _AnyNames(bytearray):
    """Text read from it shows bytes that are no UTF-8 as `\\xff`."""

    def __getitem__(self, at: Any) -> Any:
        found = super().__getitem__(at)
        return _AnyNames(found) if isinstance(at, slice) else found

    def decode(self, encoding: str = "utf-8", errors: str = "backslashreplace") -> str:
        return super().decode(encoding, errors)


class _Batch:
    """aiokafka's quick batch; from the first record that it cannot read on, the same bytes by its plain one."""

    def __init__(self, quick: Any, raw: memoryview) -> None:
        self._quick = quick
        self._raw = raw

    def __getattr__(self, name: str) -> Any:
        return getattr(self._quick, name)

    def __next__(self) -> Any:
        return next(self._quick)

    def __iter__(self) -> Iterator[Any]:
        read = 0
        try:
            for record in self._quick:
                read += 1
                yield record
        except UnicodeDecodeError:
            plain = iter(_DefaultRecordBatchPy(self._raw))  # it is uncompressed by now
            plain._buffer = _AnyNames(plain._buffer)
            yield from islice(plain, read, None)


class Records:
    """What a fetch brought; in aiokafka's place of `MemoryRecords`."""

    def __init__(self, data: bytes) -> None:
        self._records = _MemoryRecordsPy(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._records, name)

    def next_batch(self) -> Any:
        raw = self._records._next_slice
        batch = self._records.next_batch()
        return None if batch is None or raw is None else _Batch(batch, raw)


def accept() -> None:
    """From now on every consumer of this process reads such records."""
    fetcher.MemoryRecords = Records
