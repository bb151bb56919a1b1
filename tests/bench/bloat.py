"""How much room outbox and inbox take where rows come and go: `python -m tests.bench.bloat --events 1000000`.

A steady state in fast motion: events are written, marked as the relay marks them, remembered as the consumer does, and
purged as housekeeping does, at the rate at which they come. Vacuum comes by autovacuum's own rule, exactly when so many
rows are dead: by the clock it would come a hundred times too late for a run that has seconds where a service has days.
`ratio` is the size of a table or an index beside that of a fresh copy.
"""

import asyncio
import json
import random
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated

import asyncpg
import typer
from uuid_utils.compat import uuid7

from deploy.embedded.postgres import Postgres
from shared.housekeeping import purging
from shared.relay import FETCH, MARK_SENT
from tests.kit import Databases

BATCH = 1000
KEPT_SHARE = 5
"""One fifth of all events stand at the same time: the run turns both tables over four times."""
PURGES_PER_KEPT = 50
"""A week has two thousand of housekeeping's rounds; each of these takes a fiftieth of what stands."""
AGES = {"outbox": "sent_at", "inbox": "received_at"}
MOST = 1.25
"""For the tables. An index may be emptier: `outbox_pkey` has each row twice until the next vacuum, and its leaves are
never filled again, as ids only grow; 50 bytes a row."""
INSERT = """
    INSERT INTO outbox (event_id, topic, key, headers, value)
    SELECT id, 'bench.events', key, $3::jsonb, $4 FROM unnest($1::uuid[], $2::text[]) AS new (id, key)
"""
REMEMBER = """
    INSERT INTO inbox (event_id) SELECT DISTINCT unnest($1::uuid[]) ORDER BY 1 ON CONFLICT DO NOTHING RETURNING event_id
"""
HEADERS = json.dumps({"ce_specversion": "1.0", "ce_type": "bench.event.v1", "ce_source": "/bench", "x": "x" * 200})
VALUE = b'{"user_id": "0192f3c5-8a4e-7cc3-98c4-dc0c0c07398f", "reason": "' + b"x" * 60 + b'"}'
KEYS = [str(uuid7()) for _ in range(5000)]


@dataclass(frozen=True)
class Size:
    """One table, or all of its indexes, at the end of a run."""

    what: str
    rows: int
    dead: int
    bytes: int
    fresh_bytes: int

    @property
    def ratio(self) -> float:
        """An empty index has one page; what it took for rows on their way is compared with nothing."""
        return self.bytes / max(self.fresh_bytes, 8192)


@dataclass
class Vacuum:
    """Autovacuum's rule for one table."""

    table: str
    threshold: float = 50
    scale_factor: float = 0.2
    dead: int = 0
    times: int = 0

    @classmethod
    async def of(cls, connection: asyncpg.Connection, table: str, *, defaults: bool) -> "Vacuum":
        options = await connection.fetchval("SELECT reloptions FROM pg_class WHERE relname = $1", table)
        own = {} if defaults else dict(option.split("=") for option in options or ())
        threshold = float(own.get("autovacuum_vacuum_threshold", cls.threshold))
        return cls(table, threshold, float(own.get("autovacuum_vacuum_scale_factor", cls.scale_factor)))

    async def died(self, connection: asyncpg.Connection, rows: int, standing: int) -> None:
        self.dead += rows
        if self.dead > self.threshold + self.scale_factor * standing:
            await connection.execute(f"VACUUM {self.table}")
            self.dead, self.times = 0, self.times + 1


async def turn_over(connection: asyncpg.Connection, events: int, vacuums: dict[str, Vacuum]) -> float:
    """Runs until so many events came; the seconds that it took."""
    kept = events // KEPT_SHARE
    each = kept // PURGES_PER_KEPT // BATCH * BATCH
    seen: list[datetime] = []
    began = told = time.monotonic()
    for number in range(events // BATCH):
        ids, came = [uuid7() for _ in range(BATCH)], (number + 1) * BATCH
        await connection.execute(INSERT, ids, random.choices(KEYS, k=BATCH), HEADERS, VALUE)
        async with connection.transaction():
            rows = await connection.fetch(FETCH, BATCH)
            await connection.execute(MARK_SENT, [row["id"] for row in rows])
        await connection.fetch(REMEMBER, ids)
        seen.append(await connection.fetchval("SELECT clock_timestamp()"))
        await vacuums["outbox"].died(connection, BATCH, min(came, kept))
        if came > kept and (came - kept) % each == 0:
            for table, age in AGES.items():
                gone = await purge(connection, table, age, seen[(came - kept) // BATCH - 1])
                await vacuums[table].died(connection, gone, kept)
        if time.monotonic() - told > 10:
            told = time.monotonic()
            print(f"  {came:,} of {events:,} events", file=sys.stderr, flush=True)
    return time.monotonic() - began


async def purge(connection: asyncpg.Connection, table: str, age: str, until: datetime) -> int:
    """Housekeeping's own statement, with a moment in the place of an age; how many rows went."""
    statement, gone = purging(table, f"{age} <= '{until.isoformat()}'", age), 0
    while count := int((await connection.execute(statement)).rpartition(" ")[2]):
        gone += count
    return gone


async def sizes(connection: asyncpg.Connection) -> list[Size]:
    """Tables first, then each of their indexes that is not as good as empty."""
    found, indexes = [], []
    for table in AGES:
        rows = await connection.fetchval(f"SELECT count(*) FROM {table}")
        dead = await connection.fetchval("SELECT pg_stat_get_dead_tuples($1::regclass)", table)
        used = {name: await _size(connection, name) for name in (table, *await _indexes(connection, table))}
        # Rewritten at last, the table itself is the fresh copy.
        await connection.execute(f"VACUUM FULL {table}")
        fresh = {name: await _size(connection, name) for name in used}
        found.append(Size(table, rows, dead, used[table], fresh[table]))
        indexes += [Size(f"  {name}", rows, dead, used[name], fresh[name]) for name in used if name != table]
    return found + indexes


async def _size(connection: asyncpg.Connection, name: str) -> int:
    return int(await connection.fetchval("SELECT pg_relation_size($1::regclass)", name))


async def _indexes(connection: asyncpg.Connection, table: str) -> list[str]:
    rows = await connection.fetch("SELECT indexname FROM pg_indexes WHERE tablename = $1 ORDER BY 1", table)
    return [row["indexname"] for row in rows]


def show(label: str, seconds: float, events: int, found: list[Size]) -> None:
    print(f"\n{label}: {events:,} events in {seconds:.0f} s ({events / seconds:,.0f}/s)")
    print(f"{'':24} {'rows':>10} {'dead':>10} {'MB':>8} {'fresh MB':>9} {'ratio':>6}")
    for size in found:
        figures = f"{size.bytes / 1e6:8.1f} {size.fresh_bytes / 1e6:9.1f} {size.ratio:6.2f}"
        print(f"{size.what:24} {size.rows:10,} {size.dead:10,} {figures}")


async def measure(events: int, *, defaults: bool) -> list[Size]:
    options = {"autovacuum": "off", "shared_buffers": "128MB", "max_wal_size": "2GB"}
    with tempfile.TemporaryDirectory(prefix="kabinet-bloat-") as folder:
        postgres = Postgres(Path(folder) / "postgres", options=options)
        await postgres.start()
        try:
            connection = await asyncpg.connect(await Databases(postgres.url).migrated("verification"))
            vacuums = {table: await Vacuum.of(connection, table, defaults=defaults) for table in AGES}
            seconds = await turn_over(connection, events, vacuums)
            found = await sizes(connection)
            await connection.close()
        finally:
            await postgres.stop()
    show("PostgreSQL's defaults" if defaults else "as the migrations set it", seconds, events, found)
    print("vacuums: " + ", ".join(f"{vacuum.table} {vacuum.times}" for vacuum in vacuums.values()))
    return found


def main(
    events: Annotated[int, typer.Option(min=250_000, help="how many come in all")] = 1_000_000,
    defaults: Annotated[bool, typer.Option("--defaults", help="also without the tables' own settings")] = False,
) -> None:
    """Exits 1 where a table takes more than one and a quarter of the room that its rows need."""
    if defaults:
        asyncio.run(measure(events, defaults=True))
    found = asyncio.run(measure(events, defaults=False))
    raise typer.Exit(int(any(size.ratio > MOST for size in found if size.what in AGES)))


if __name__ == "__main__":
    typer.run(main)
