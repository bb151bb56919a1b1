"""Importing billing's exports beside a bare COPY; deciding beside the size and the age of the payments table."""

import asyncio
import os
import random
import resource
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median, quantiles
from uuid import UUID

import asyncpg
from uuid_utils.compat import uuid7

from billing_link.linking import decide_requests
from billing_link.main import service
from shared.contracts.billing_link import LinkRequested
from tests.bench.servers import Bench
from tests.bench.table import Line, Table
from tests.bench.years import years
from tests.kit import Running, running

ROWS = int(os.environ.get("LINKING_IMPORT_ROWS", "3000000"))
"""Of a million, the program's start alone is a tenth; the promise is about ten."""
SMALL = 50_000
PAYMENTS = int(os.environ.get("LINKING_PAYMENTS", "10000000"))
FEW_PAYMENTS = 10_000
PER_ACCOUNT = 5
TURNS = int(os.environ.get("LINKING_TURNS", "3"))
CHECKS = 400
CONTRACTS = ("account_number", "opened_on", "address", "address_as_of", "closed_as_of")
COLUMNS = ("payment_id", "account_number", "kopecks", "paid_on", "service", "reversed_on", "as_of")
_FILL = """
    INSERT INTO payments (payment_id, account_number, kopecks, paid_on, service, as_of)
    SELECT 'p' || n, (10000000 + (n::bigint * 7919) % $1::int)::text, 10000 + (n::bigint * 104729) % 500000,
        current_date - (n % 90)::int, 'electricity', now()
    FROM generate_series($2::int, $3::int) AS n
"""
"""An account's payments lie as far apart as months of postings make them."""


async def linking(bench: Bench, table: Table) -> None:
    await _importing(bench, table)
    await _deciding(bench, table)
    await years(bench, table)


@dataclass(frozen=True)
class _Export:
    """One export of billing's, and the same rows as COPY takes them."""

    accounts: Path
    payments: Path
    contract_rows: Path
    payment_rows: Path


async def _importing(bench: Bench, table: Table) -> None:
    """Turns of both, each into tables of its own with the same indexes; the files are read by one, the rows by one."""
    small = _written(bench.folder / "small", SMALL)
    whole = _written(bench.folder / "whole", ROWS)
    bare, ours, again, peaks = [], [], [], []
    for turn in range(TURNS):
        table.progress("imports", turn, TURNS)
        async with _fresh(bench) as url:
            bare.append(ROWS / await _copied(url, whole))
        async with _fresh(bench) as url:
            seconds, peak = await _imported(bench, url, whole)
            ours.append(ROWS / seconds)
            peaks.append(peak)
            again.append(ROWS / (await _imported(bench, url, whole))[0])
    async with _fresh(bench) as url:
        _, little = await _imported(bench, url, small)
    table.add(Line(f"COPY of {ROWS:,} payments and their accounts", median(bare), "rows/s"))
    table.add(Line(f"import of {ROWS:,} payments, with the guess bound", median(ours), "rows/s"))
    ratio = median(one / limit for one, limit in zip(ours, bare, strict=True))
    table.add(Line("import / COPY", ratio, "", least=0.3))
    table.add(Line(f"import of {ROWS:,} payments, the second time", median(again), "rows/s"))
    table.add(Line(f"memory of an import of {SMALL:,} rows", little, "MiB"))
    table.add(Line(f"memory of an import of {ROWS:,} rows", max(peaks), "MiB", most=little + 32))


@asynccontextmanager
async def _fresh(bench: Bench) -> AsyncIterator[str]:
    url = await bench.databases.migrated("billing_link")
    try:
        yield url
    finally:
        await bench.databases.drop(url)


def _written(folder: Path, rows: int) -> _Export:
    """`rows` payments and the accounts that they were made on, one for every `PER_ACCOUNT`."""
    folder.mkdir()
    export = _Export(*(folder / name for name in ("accounts.csv", "payments.csv", "contracts.copy", "payments.copy")))
    chance, today, now = random.Random(1), datetime.now(UTC).date(), "2026-01-01 00:00:00+00"
    accounts = range(10_000_000, 10_000_000 + rows // PER_ACCOUNT)
    with export.accounts.open("w", encoding="utf-8") as file, export.contract_rows.open("w", encoding="utf-8") as bare:
        file.write("account_number,address,opened_on,closed_on\n")
        for number in accounts:
            address = f"г. Тверь, ул. Садовая, д. {number % 200}, кв. {number % 97}"
            file.write(f'{number},"{address}",2020-01-01,\n')
            bare.write("\t".join((str(number), "2020-01-01", address, now, now)) + "\n")
    with export.payments.open("w", encoding="utf-8") as file, export.payment_rows.open("w", encoding="utf-8") as bare:
        file.write("payment_id,account_number,amount,paid_on,service,reversed_on\n")
        for n in range(rows):
            number, kopecks = chance.choice(accounts), chance.randrange(10_000, 500_000)
            day = (today - timedelta(days=n % 90)).isoformat()
            back = day if n % 50 == 0 else ""
            file.write(f"p1-{n:09d},{number},{kopecks // 100}.{kopecks % 100:02},{day},electricity,{back}\n")
            cells = (f"p1-{n:09d}", str(number), str(kopecks), day, "electricity", back or "\\N", now)
            bare.write("\t".join(cells) + "\n")
    return export


async def _copied(url: str, export: _Export) -> float:
    connection = await asyncpg.connect(url)
    try:
        began = time.perf_counter()
        async with connection.transaction():
            for name, rows, columns in (
                ("contracts", export.contract_rows, CONTRACTS),
                ("payments", export.payment_rows, COLUMNS),
            ):
                await connection.copy_to_table(name, source=rows, columns=columns, timeout=3600)
        return time.perf_counter() - began
    finally:
        await connection.close()


async def _imported(bench: Bench, url: str, export: _Export) -> tuple[float, float]:
    """One run of the program: its seconds, start included, and its memory at the peak, in MiB."""
    environment = {
        "PATH": os.environ["PATH"],
        "BILLING_LINK_DATABASE_URL": url,
        "BILLING_LINK_KAFKA_BOOTSTRAP_SERVERS": bench.kafka.bootstrap,
        "BILLING_LINK_PUBLIC_KEYS_FILE": str(bench.keys / "public.jwks.json"),
        "BILLING_LINK_PRIVATE_KEYS_FILE": str(bench.keys / "billing-link.private.jwks.json"),
    }
    files = ("--accounts", str(export.accounts), "--payments", str(export.payments))
    began, peak = time.perf_counter(), 0.0
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "billing_link", "import", *files),
        env=environment,
        stdout=asyncio.subprocess.DEVNULL,
    )
    while process.returncode is None:
        peak = max(peak, _resident(process.pid))
        try:
            await asyncio.wait_for(process.wait(), 0.1)
        except TimeoutError:
            continue
    assert process.returncode == 0, "the import failed"
    return time.perf_counter() - began, peak


def _resident(pid: int) -> float:
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except (OSError, IndexError):  # it has just ended
        return 0.0
    return pages * resource.getpagesize() / 2**20


async def _deciding(bench: Bench, table: Table) -> None:
    """Both tables at once, checked in turns, so that what else the machine does weighs on both alike."""
    async with _filled(bench, FEW_PAYMENTS) as few, _filled(bench, PAYMENTS) as many:
        few_times: list[float] = []
        many_times: list[float] = []
        for turn in range(TURNS):
            table.progress("link checks", turn, TURNS)
            await asyncio.gather(*(_checked(house, count, CHECKS // 4, []) for house, count in (few, many)))
            for _ in range(4):
                await _checked(*few, CHECKS // 4, few_times)
                await _checked(*many, CHECKS // 4, many_times)
    for name, times in ((f"{FEW_PAYMENTS:,}", few_times), (f"{PAYMENTS:,}", many_times)):
        table.add(Line(f"link check, {name} payments, p50", median(times) * 1000, "ms"))
        table.add(Line(f"link check, {name} payments, p99", quantiles(times, n=100)[-1] * 1000, "ms"))
    table.add(Line("link check, many / few, p50", median(many_times) / median(few_times), "", most=1.3))


@asynccontextmanager
async def _filled(bench: Bench, payments: int) -> AsyncIterator[tuple[Running, int]]:
    accounts = payments // PER_ACCOUNT
    async with _fresh(bench) as url:
        connection = await asyncpg.connect(url)
        try:
            await connection.execute(
                "INSERT INTO contracts (account_number, opened_on, address, address_as_of)"
                " SELECT (10000000 + n)::text, '2020-01-01', '', now() FROM generate_series(0, $1::int - 1) AS n",
                accounts,
                timeout=900,
            )
            for first in range(0, payments, 1_000_000):
                last = min(first + 1_000_000, payments) - 1
                await connection.execute(_FILL, accounts, first, last, timeout=900)
                await connection.execute("CHECKPOINT", timeout=900)
            await connection.execute("VACUUM (ANALYZE) payments", timeout=900)
            await connection.execute("VACUUM (ANALYZE) contracts", timeout=900)
        finally:
            await connection.close()
        async with running(service, url, bench.keys) as house:
            yield house, accounts


async def _checked(house: Running, accounts: int, count: int, times: list[float]) -> None:
    """Requests of people who ask for random accounts with a wrong amount, decided one by one."""
    database = house.kernel.database
    for _ in range(count):
        number = f"{10_000_000 + random.randrange(accounts)}"
        request, user = uuid7(), uuid7()
        await _ask(house, request, user, number)
        event = LinkRequested(request_id=request, user_id=user, account_number=number)
        began = time.perf_counter()
        async with database.transaction() as session:
            await decide_requests(session, [event], house.kernel.settings)
        times.append(time.perf_counter() - began)


async def _ask(house: Running, request: UUID, user: UUID, number: str) -> None:
    await house.rows(
        "INSERT INTO link_requests (id, user_id, account_number, kopecks, account_spent, status)"
        " VALUES (:id, :user, :number, 1, false, 'pending') RETURNING 1",
        id=request,
        user=user,
        number=number,
    )
