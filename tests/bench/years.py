"""Years of payments in fast motion: how large their table stays, and how quick a check by it."""

import os
import random
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from statistics import median

import asyncpg

from billing_link.billing_facts import contracts_of, payments_of
from billing_link.forgetting import forget_payments
from billing_link.main import service
from billing_link.rules import WINDOW_MONTHS, months_before
from tests.bench.servers import Bench
from tests.bench.table import Line, Table
from tests.kit import Running, running

DAYS = int(os.environ.get("LINKING_DAYS", "1095"))
FIRST_DAYS = 365
PER_DAY = 2000
ACCOUNTS = 60_000
"""Each pays once a month."""
CHECKS = 2000
_CONTRACTS = """
    INSERT INTO contracts (account_number, opened_on, address, address_as_of)
    SELECT (10000000 + n)::text, '2015-01-01', '', now() FROM generate_series(0, $1::int - 1) AS n
"""
_POSTED = """
    INSERT INTO payments (payment_id, account_number, kopecks, paid_on, service, as_of)
    SELECT 'p1-' || lpad(n::text, 9, '0'), (10000000 + (n::bigint * 7919) % $1::int)::text,
        10000 + (n::bigint * 104729) % 500000, $2::date, 'electricity', now()
    FROM generate_series($3::int, $4::int) AS n
"""


@dataclass(frozen=True)
class _Age:
    """The table on one day."""

    table_bytes: int
    index_bytes: int
    check_seconds: float
    """The median."""


async def years(bench: Bench, table: Table) -> None:
    """Every day's payments come, and those that can confirm nothing any more go, as the worker lets them go.

    Vacuum comes by autovacuum's own rule, exactly when so many rows are dead: by the clock it would come far too late.
    """
    async with _opened(bench) as house:
        connection = await house.kernel.database.connect()
        try:
            await connection.execute(_CONTRACTS, ACCOUNTS)
            first, last = await _aged(house, connection, table)
        finally:
            await connection.close()
    of = f"payments after {DAYS:,} days / {FIRST_DAYS:,}"
    table.add(Line(f"{of}: table", last.table_bytes / first.table_bytes, "", most=1.1))
    table.add(Line(f"{of}: indexes", last.index_bytes / first.index_bytes, "", most=1.1))
    table.add(Line(f"{of}: a check, p50", last.check_seconds / first.check_seconds, "", most=1.3))


@asynccontextmanager
async def _opened(bench: Bench) -> AsyncIterator[Running]:
    url = await bench.databases.migrated("billing_link")
    try:
        async with running(service, url, bench.keys) as house:
            yield house
    finally:
        await bench.databases.drop(url)


async def _aged(house: Running, connection: asyncpg.Connection, table: Table) -> tuple[_Age, _Age]:
    today, kept, dead = datetime.now(UTC).date(), house.kernel.settings.payments_retention_days, 0
    ages: list[_Age] = []
    for n in range(DAYS):
        day = today - timedelta(days=DAYS - 1 - n)
        await connection.execute(_POSTED, ACCOUNTS, day, n * PER_DAY, (n + 1) * PER_DAY - 1)
        dead += await forget_payments(house.kernel.database, (today - day).days + kept)
        if dead > 50 + 0.2 * min(n + 1, kept) * PER_DAY:
            await connection.execute("VACUUM (ANALYZE) payments")
            dead = 0
        if n + 1 in (FIRST_DAYS, DAYS):
            table.progress("years", len(ages), 2)
            ages.append(await _age(house, connection, day))
    return ages[0], ages[1]


async def _age(house: Running, connection: asyncpg.Connection, day: date) -> _Age:
    sizes = "SELECT pg_table_size('payments') AS of_table, pg_indexes_size('payments') AS of_indexes"
    found = await connection.fetchrow(sizes)
    times, since = [], months_before(day, WINDOW_MONTHS)
    for _ in range(CHECKS):
        number = f"{10_000_000 + random.randrange(ACCOUNTS)}"
        began = time.perf_counter()
        async with house.kernel.database.transaction() as session:
            await contracts_of(session, [number])
            payments = await payments_of(session, number, since, day)
        times.append(time.perf_counter() - began)
        assert payments, "an account pays once a month"
    return _Age(found["of_table"], found["of_indexes"], median(times))
