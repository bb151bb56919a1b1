"""Importing the old portal's people: rows a second and memory, through the program itself."""

import asyncio
import hashlib
import os
import resource
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from tests.bench.servers import Bench
from tests.bench.table import Line, Table

ROWS = int(os.environ.get("IMPORT_ROWS", "1000000"))
SMALL = 50_000
_HASHES = (
    "$2y$10$abcdefghijklmnopqrstuuK40.UmtDYyMcLS8JlJfMOEhWuR140Aa",
    "$6$saltsalt$AYhDwPcNThIE42.nkTZSHCwfOf4wpoDgnMrroWstEfzntMpJgojIjqgqa0a15X7wdv1oSXdHWuqpWtH.i5qu9/",
    "$P$9IQRaTwmfeRo7ud9Fh4E2PdI0S3r.L0",
)
_DOMAINS = ("mail.ru", "yandex.ru", "gmail.com", "bk.ru", "rambler.ru")


async def importing(bench: Bench, table: Table) -> None:
    """A million rows of several kinds of hashes, most with an address and half with a phone; then the same again."""
    url = await bench.databases.migrated("identity")
    try:
        small = await _imported(bench, url, written(bench.folder / "small.csv", SMALL))
        path = written(bench.folder / "legacy_users.csv", ROWS)
        first = await _imported(bench, url, path)
        again = await _imported(bench, url, path)
    finally:
        await bench.databases.drop(url)
    table.add(Line(f"import of {ROWS:,} old users, new", ROWS / first.seconds, "rows/s", least=20_000))
    table.add(Line("rows per second of the program's own CPU", ROWS / first.cpu_seconds, "rows/s"))
    table.add(Line(f"import of {ROWS:,} old users, the second time", ROWS / again.seconds, "rows/s"))
    table.add(Line(f"memory of an import of {SMALL:,} rows", small.mib, "MiB"))
    table.add(Line(f"memory of an import of {ROWS:,} rows", first.mib, "MiB", most=small.mib + 32))


def written(path: Path, rows: int) -> Path:
    """The file, as a portal exports it."""
    with path.open("w", encoding="utf-8") as file:
        file.write("account_number;password_hash;email;phone\n")
        for n in range(rows):
            old = _HASHES[n % 4] if n % 4 < 3 else hashlib.md5(b"%d" % n).hexdigest()
            email = f"person.{n}@{_DOMAINS[n % 5]}" if n % 3 else ""
            phone = f"8 912 {n // 10_000 % 1000:03d}-{n // 100 % 100:02d}-{n % 100:02d}" if n % 2 else ""
            file.write(f"{10_000_000 + n};{old};{email};{phone}\n")
    return path


@dataclass(frozen=True)
class _Done:
    seconds: float
    cpu_seconds: float
    """Of the program alone, which the machine's other work does not lengthen."""
    mib: float


async def _imported(bench: Bench, url: str, path: Path) -> _Done:
    """One run of the program: its seconds, start included, and its memory at the peak."""
    environment = {
        "PATH": os.environ["PATH"],
        "IDENTITY_DATABASE_URL": url,
        "IDENTITY_KAFKA_BOOTSTRAP_SERVERS": bench.kafka.bootstrap,
        "IDENTITY_PUBLIC_KEYS_FILE": str(bench.keys / "public.jwks.json"),
        "IDENTITY_PRIVATE_KEYS_FILE": str(bench.keys / "identity.private.jwks.json"),
    }
    began, cpu = time.perf_counter(), _children_cpu()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "identity", "import-legacy", str(path), env=environment
    )
    peak = 0.0
    while process.returncode is None:
        peak = max(peak, _resident(process.pid))
        try:
            await asyncio.wait_for(process.wait(), 0.1)
        except TimeoutError:
            continue
    assert process.returncode == 0, "the import failed"
    return _Done(time.perf_counter() - began, _children_cpu() - cpu, peak)


def _children_cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _resident(pid: int) -> float:
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except (OSError, IndexError):  # it has just ended
        return 0.0
    return pages * resource.getpagesize() / 2**20
