"""The event backbone's speed, each figure beside the bare limit of the same machine in the same run."""

import asyncio
import gc
import time
from collections.abc import Awaitable
from functools import partial
from statistics import median, quantiles
from typing import Any, ClassVar
from uuid import UUID

import psutil
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from shared.broker import Broker
from shared.consumer import Consumer
from shared.delivering import Batch, Reader
from shared.inbox import Heard, hearing
from shared.outbox import publish
from tests.bench.bare import (
    KEY_NAMES,
    KEYS,
    TEXT,
    bare_consumer,
    bare_drain,
    bare_producer,
    fill,
    handled,
    relayed_rows,
)
from tests.bench.servers import Bench
from tests.bench.table import Line, Table
from tests.kit import eventually
from tests.shared.desk import Desk, Noted, remember

TURNS = 5
ROWS = 50_000
RATES = (100, 1000)
LATENCY_SECONDS = 10
MANY = 1_000_000
OLD_ROWS = (10_000, 5_000_000)


async def events(bench: Bench, table: Table) -> None:
    """Medians of five turns; each turn measures the bare limits beside ours, so that a busy machine slows both."""
    await relaying(bench, table)
    await consuming(bench, table)
    await latency(bench, table)
    await memory(bench, table)
    await growth(bench, table)


async def relaying(bench: Bench, table: Table) -> None:
    bare, drained, ours = [], [], []
    for turn in range(TURNS):
        table.progress("relay", turn, TURNS)
        async with bench.desk() as desk:
            bare.append(await rate(ROWS, bare_producer(desk, ROWS)))
        async with bench.desk() as desk:
            await fill(desk, ROWS)
            drained.append(await rate(ROWS, bare_drain(desk)))
        async with bench.desk() as desk:
            await fill(desk, ROWS)
            ours.append(await rate(ROWS, relayed(desk, ROWS)))
    limit = min(median(bare), median(drained))
    table.add(Line("bare idempotent producer", median(bare), "records/s"))
    table.add(Line("bare drain-and-mark of the outbox", median(drained), "rows/s"))
    table.add(Line("relay, from a full outbox", median(ours), "rows/s", least=10_000))
    table.add(Line("relay / slower of the two bare", median(ours) / limit, "", least=0.5))


async def consuming(bench: Bench, table: Table) -> None:
    bare, ours, single = [], [], []
    for turn in range(TURNS):
        table.progress("consumer", turn, TURNS)
        async with bench.desk() as desk:
            await fill(desk, ROWS)
            await relayed(desk, ROWS)
            bare.append(await rate(ROWS, bare_consumer(desk, ROWS)))
            ours.append(await consumed(desk, ROWS, Heard(desk.noted, note_all, batch=True)))
        async with bench.desk() as desk:
            await fill(desk, ROWS // 5)
            await relayed(desk, ROWS // 5)
            single.append(await consumed(desk, ROWS // 5, Heard(desk.noted, remember)))
    table.add(Line("bare getmany + one-row transaction per batch", median(bare), "records/s"))
    table.add(Line("consumer with inbox, effects by the batch", median(ours), "records/s"))
    table.add(Line("consumer with inbox, one statement per effect", median(single), "records/s"))
    table.add(Line("consumer / bare", median(ours) / median(bare), "", least=0.5))


async def latency(bench: Bench, table: Table) -> None:
    """From `publish`'s transaction to the effect's commit, at a steady rate of transactions of one event each."""
    for per_second in RATES:
        table.progress(f"latency at {per_second}/s", 0, 1)
        async with bench.desk() as desk:
            took = sorted(await latencies(desk, per_second, LATENCY_SECONDS))
        centiles = quantiles(took, n=100)
        table.add(Line(f"insert to handled at {per_second}/s, p50", centiles[49] * 1000, "ms"))
        most = 50.0 if per_second == 100 else None
        table.add(Line(f"insert to handled at {per_second}/s, p99", centiles[98] * 1000, "ms", most=most))


async def memory(bench: Bench, table: Table) -> None:
    """The process that relays and handles a million events: its memory after the first tenth and at the end."""
    process = psutil.Process()
    async with bench.desk() as desk:
        await fill(desk, MANY // 10)
        heard = Heard(desk.noted, note_all, batch=True)
        async with (
            desk.relaying(),
            desk.running(lambda stop: Consumer(desk.reader(heard), Broker(desk.kafka), stop)),
        ):
            await eventually(lambda: at_least(desk, MANY // 10), 300)
            gc.collect()
            before = process.memory_info().rss
            for part in range(1, 10):
                table.progress("memory over a million events", part, 10)
                await fill(desk, MANY // 10)
                await eventually(partial(at_least, desk, MANY // 10 * (part + 1)), 300)
            gc.collect()
            grown = process.memory_info().rss - before
    table.add(Line("memory grown over 900,000 more events", grown / 1024**2, "MiB", most=16))


async def growth(bench: Bench, table: Table) -> None:
    """The cost of an event with many sent rows in the outbox against few: the same rows relayed, in turns."""
    few_rows, many_rows = OLD_ROWS
    async with bench.desk() as few, bench.desk() as many:
        rates: dict[str, list[float]] = {few.name: [], many.name: []}
        for desk, old in ((few, few_rows), (many, many_rows)):
            table.progress(f"an outbox with {old:,} sent rows", 0, 1)
            await fill(desk, 0, sent=old)
        for turn in range(TURNS):
            table.progress("cost by the outbox's size", turn, TURNS)
            for desk in (few, many):
                await fill(desk, ROWS)
                rates[desk.name].append(await rate(ROWS, relayed(desk, ROWS)))
    table.add(
        Line("cost per event, 5 M sent rows / 10 k", median(rates[few.name]) / median(rates[many.name]), "", most=1.2)
    )


async def relayed(desk: Desk, rows: int) -> None:
    """Told by the process's own metric: to count the unsent rows would read the whole table."""
    before = relayed_rows()

    async def all_sent() -> bool:
        return relayed_rows() - before >= rows

    async with desk.relaying():
        await eventually(all_sent, 300)


async def consumed(desk: Desk, records: int, heard: Heard) -> float:
    """Records a second, from the first batch handled to the last, so that joining the group is not counted."""
    before = handled(desk)

    async def count() -> int:
        return handled(desk) - before

    async def all_done() -> bool:
        return await count() >= records

    async with desk.running(lambda stop: Consumer(desk.reader(heard), Broker(desk.kafka), stop)):
        first, began = await eventually(count, 60), time.perf_counter()
        await eventually(all_done, 300)
        return (records - first) / (time.perf_counter() - began)


async def at_least(desk: Desk, count: int) -> bool:
    return handled(desk) >= count


class Watched(Reader):
    """A reader that notes when each record's effect was committed."""

    seen: ClassVar[dict[UUID, float]] = {}

    async def deliver(self, batch: Batch) -> None:
        await super().deliver(batch)
        self.seen.update(dict.fromkeys((record.event_id for record in batch.records), time.perf_counter()))


async def latencies(desk: Desk, per_second: int, seconds: int) -> list[float]:
    """Seconds from before the transaction that says an event to after the one that has its effect."""
    said: dict[UUID, float] = {}
    reader = Watched(desk.database, hearing([Heard(desk.noted, note_all, batch=True)]), None)

    async def say(n: int) -> None:
        event = desk.noted(name=KEY_NAMES[n % KEYS].decode(), n=n, text=TEXT)
        said[event.id] = time.perf_counter()
        async with desk.database.transaction() as session:
            publish(session, event)

    async def all_seen() -> bool:
        return said.keys() <= reader.seen.keys()

    async with desk.relaying(), desk.running(lambda stop: Consumer(reader, Broker(desk.kafka), stop)):
        await say(0)
        await eventually(all_seen, 60)
        said.clear()
        began = time.perf_counter()
        async with asyncio.TaskGroup() as group:
            for n in range(per_second * seconds):
                await asyncio.sleep(max(0.0, began + n / per_second - time.perf_counter()))
                group.create_task(say(n))
        await eventually(all_seen, 60)
    return [reader.seen[event_id] - at for event_id, at in said.items()]


async def note_all(session: AsyncSession, events: list[Noted], _wired: Any) -> None:
    """The effects of a batch in one statement, as copies of facts are written."""
    statement = text(
        "INSERT INTO effects (name, n, event_id)"
        " SELECT * FROM unnest(CAST(:names AS text[]), CAST(:ns AS int[]), CAST(:ids AS uuid[]))"
    )
    rows = {"names": [one.name for one in events], "ns": [one.n for one in events], "ids": [one.id for one in events]}
    await session.execute(statement, rows)


async def rate(count: int, work: Awaitable[None]) -> float:
    """So many a second."""
    began = time.perf_counter()
    await work
    return count / (time.perf_counter() - began)
