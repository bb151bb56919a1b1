"""The bare limits of the event backbone: what aiokafka and PostgreSQL give where nothing of ours is between."""

import asyncio
import json
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from prometheus_client import REGISTRY

from shared.relay import FETCH, MARK_SENT
from tests.shared.desk import Desk, record

TEXT = "x" * 90
"""Makes 400 bytes of headers and data, as most of our events have."""
KEYS = 5_000
KEY_NAMES = [str(uuid5(NAMESPACE_URL, str(n))).encode() for n in range(KEYS)]
"""Most of our keys are UUIDs."""


async def fill(desk: Desk, rows: int, sent: int = 0) -> None:
    """Rows as `publish` writes them, by one statement; `sent` more that were sent before."""
    _key, value, headers = record(desk.noted(name="key", n=0, text=TEXT))
    connection = await desk.database.connect()
    try:
        for count, mark in ((sent, "now()"), (rows, "NULL::timestamptz")):
            await connection.execute(
                "INSERT INTO outbox (event_id, topic, key, headers, value, sent_at)"
                " SELECT uuidv7(), $1, md5((n % $5)::text)::uuid::text, jsonb_set($2::jsonb, '{ce_id}',"
                f" to_jsonb(uuidv7()::text)), $3, {mark} FROM generate_series(1, $4::int) AS n",
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
    _key, value, headers = record(desk.noted(name="key", n=0, text=TEXT))
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


def handled(desk: Desk) -> int:
    """Records of the desk's topic whose effect is committed, by this process."""
    return int(REGISTRY.get_sample_value("kabinet_records_handled_total", {"topic": desk.topic}) or 0)


def relayed_rows() -> int:
    """Outbox rows that this process's relays have sent."""
    return int(REGISTRY.get_sample_value("kabinet_outbox_sent_total") or 0)
