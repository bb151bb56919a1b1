"""The event backbone's speed, each figure beside the bare limit of the same machine in the same run."""

import asyncio
import json
import resource
import time
from collections.abc import Awaitable, Callable
from statistics import median
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from shared.consumer import Consumer
from shared.inbox import Heard
from shared.relay import FETCH, MARK_SENT, Relay
from tests.bench.servers import Bench
from tests.bench.table import Line, Table
from tests.kit import eventually
from tests.shared.desk import Desk, Noted, record

TURNS = 5
ROWS = 50_000
TEXT = "x" * 90
"""Makes 400 bytes of headers and data, as most of our events have."""
KEYS = 5_000
KEY_NAMES = [str(uuid5(NAMESPACE_URL, str(n))).encode() for n in range(KEYS)]
"""Most of our keys are UUIDs."""


async def events(bench: Bench, table: Table) -> None:
    """Medians of five turns; each turn measures the bare limits beside ours, so that a busy machine slows both."""
    await _relaying(bench, table)
    await _consuming(bench, table)
    await _latency(bench, table)
    await _growth(bench, table)


async def _relaying(bench: Bench, table: Table) -> None:
    bare, drained, ours, small = [], [], [], []
    for turn in range(TURNS):
        table.progress("relay", turn, TURNS)
        async with bench.desk() as desk:
            bare.append(await _rate(ROWS, bare_producer(desk, ROWS)))
        async with bench.desk() as desk:
            await fill(desk, ROWS)
            drained.append(await _rate(ROWS, bare_drain(desk)))
        async with bench.desk() as desk:
            await fill(desk, ROWS)
            ours.append(await _rate(ROWS, relayed(desk)))
    limit = min(median(bare), median(drained))
    table.add(Line("bare idempotent producer", median(bare), "records/s"))
    table.add(Line("bare drain-and-mark of the outbox", median(drained), "rows/s"))
    table.add(Line("relay, from a full outbox", median(ours), "rows/s", least=10_000))
    table.add(Line("relay / slower of the two bare", median(ours) / limit, "", least=0.5))


async def fill(desk: Desk, rows: int, sent: int = 0) -> None:
    """Rows as `publish` writes them, by one statement; `sent` more that were sent before."""
    key, value, headers = record(desk.noted(name="key", n=0, text=TEXT))
    connection = await desk.database.connect()
    try:
        for count, mark in ((sent, "now()"), (rows, "NULL::timestamptz")):
            await connection.execute(
                "INSERT INTO outbox (event_id, topic, key, headers, value, sent_at)"
                " SELECT gen_random_uuid(), $1, md5((n % $5)::text)::uuid::text, jsonb_set($2::jsonb, '{ce_id}',"
                f" to_jsonb(gen_random_uuid()::text)), $3, {mark} FROM generate_series(1, $4::int) AS n",
                desk.topic,
                json.dumps({name: content.decode() for name, content in headers}),
                value,
                count,
                KEYS,
                timeout=600,
            )
        await connection.execute("VACUUM (ANALYZE) outbox", timeout=600)
        await connection.execute("CHECKPOINT", timeout=600)
    finally:
        await connection.close()


async def bare_producer(desk: Desk, records: int) -> None:
    """What aiokafka gives: the relay's producer, batches of 1,000, one ack awaited per batch."""
    producer = AIOKafkaProducer(
        bootstrap_servers=desk.kafka, acks="all", enable_idempotence=True, linger_ms=2, max_batch_size=128 * 1024
    )
    await producer.start()
    _, value, headers = record(desk.noted(name="key", n=0, text=TEXT))
    try:
        acks: list[Any] = []
        for n in range(records):
            acks.append(await producer.send(desk.topic, value, key=KEY_NAMES[n % KEYS], headers=headers))
            if len(acks) == 1000:
                await asyncio.gather(*acks)
                acks.clear()
        await asyncio.gather(*acks)
    finally:
        await producer.stop()


async def bare_drain(desk: Desk) -> None:
    """PostgreSQL's own rate: the relay's statements in a loop, and nothing is sent."""
    connection = await desk.database.connect()
    try:
        rows = True
        while rows:
            async with connection.transaction():
                rows = await connection.fetch(FETCH, 1000)
                await connection.execute(MARK_SENT, [row["id"] for row in rows])
    finally:
        await connection.close()


async def relayed(desk: Desk) -> None:
    async with desk.relaying():

        async def empty() -> bool:
            return await desk.unsent() == 0

        await eventually(empty, 120)


async def _rate(count: int, work: Awaitable[None]) -> float:
    began = time.perf_counter()
    await work
    return count / (time.perf_counter() - began)


async def _consuming(bench: Bench, table: Table) -> None:
    bare, ours = [], []
    for turn in range(TURNS):
        table.progress("consumer", turn, TURNS)
        async with bench.desk() as desk:
            await fill(desk, ROWS)
            await relayed(desk)
            bare.append(await _rate(ROWS, bare_consumer(desk, ROWS)))
            ours.append(await consumed(desk, ROWS))
    table.add(Line("bare getmany + one-row transaction per batch", median(bare), "records/s"))
    table.add(Line("consumer: inbox, markers, effects in one statement", median(ours), "records/s"))
    table.add(Line("consumer / bare", median(ours) / median(bare), "", least=0.5))


async def bare_consumer(desk: Desk, records: int) -> None:
    """What aiokafka and one commit per batch give; nothing is decoded, remembered or done."""
    consumer = AIOKafkaConsumer(
        desk.topic, bootstrap_servers=desk.kafka, group_id=f"{desk.name}-bare", auto_offset_reset="earliest"
    )
    connection = await desk.database.connect()
    await connection.execute("CREATE TABLE bare (offsets bigint)")
    await consumer.start()
    try:
        read = 0
        while read < records:
            for batch in (await consumer.getmany(timeout_ms=500, max_records=1000)).values():
                await connection.execute("INSERT INTO bare VALUES ($1)", batch[-1].offset)
                read += len(batch)
    finally:
        await consumer.stop()
        await connection.close()


async def note_all(session: AsyncSession, events: list[Noted], _wired: Any) -> None:
    """The effects of a batch in one statement, as copies of facts are written."""
    await session.execute(
        text(
            "INSERT INTO effects (name, n, event_id)"
            " SELECT * FROM unnest(CAST(:names AS text[]), CAST(:ns AS int[]), CAST(:ids AS uuid[]))"
        ),
        {"names": [one.name for one in events], "ns": [one.n for one in events], "ids": [one.id for one in events]},
    )


async def consumed(desk: Desk, records: int) -> float:
    """Records a second, from the first effect to the last, so that joining the group is not counted."""
    heard = Heard(desk.noted, note_all, batch=True)
    async with desk.running(lambda stop: Consumer(desk.reader(heard), desk.kafka, stop)):

        async def count() -> int:
            return int(await desk.value("SELECT count(*) FROM effects"))

        async def all_done() -> bool:
            return await count() >= records

        first, began = await eventually(count, 60), time.perf_counter()
        await eventually(all_done, 120)
        return (records - first) / (time.perf_counter() - began)
