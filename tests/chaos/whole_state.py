"""What the set's servers hold: whether everything is at rest, what the topics say, and the state of every reader."""

import asyncio
import hashlib
import json
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import asyncpg
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from deploy.embedded import environment, topics
from deploy.embedded.environment import WITH_DATABASE
from shared.events import Event, encode

PARTITIONS = [TopicPartition(topic.name, number) for topic in topics.read() for number in range(topic.partitions)]
KERNEL_TABLES = (
    "alembic_version",
    "outbox",
    "inbox",
    "deliveries",
    "dead_letters",
    "idempotent_answers",
    "ended_sessions",
)
"""Not a reader's state: the kernel's own books. Of `ended_sessions` the ids are looked at that live on for a while."""

UNRESTED: Mapping[str, Mapping[str, str]] = {
    "identity": {"letters not decided": "SELECT count(*) FROM letter_requests WHERE decided_at IS NULL"},
    "verification": {},
    "billing-link": {"link requests not decided": "SELECT count(*) FROM link_requests WHERE status = 'pending'"},
    "notifier": {
        "notifications on their way": "SELECT count(*) FROM notifications WHERE status IN ('queued', 'waiting')"
    },
}
KERNEL_UNRESTED = {
    "events not sent": "SELECT count(*) FROM outbox WHERE sent_at IS NULL",
    "batches being handled": "SELECT count(*) FROM deliveries",
}


@dataclass(frozen=True)
class Said:
    """One event as it stands in a topic; its repeats are counted, not kept."""

    id: str
    type: str
    key: str
    topic: str
    at: float
    data: Mapping[str, Any]
    repeats: int


@asynccontextmanager
async def connected(env: Mapping[str, str], service: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(env[environment.prefix(service) + "DATABASE_URL"], timeout=5)
    try:
        yield connection
    finally:
        await connection.close()


async def rows(env: Mapping[str, str], service: str, sql: str, *values: Any) -> list[asyncpg.Record]:
    async with connected(env, service) as connection:
        return list(await connection.fetch(sql, *values))


async def parked(env: Mapping[str, str]) -> list[str]:
    """Dead letters of all services that wait for a decision, with what they are and why."""
    sql = "SELECT id, type, cause FROM dead_letters WHERE resolved_at IS NULL"
    return [
        f"{service} parked {row['id']} ({row['type']}): {row['cause']}"
        for service in WITH_DATABASE
        for row in await rows(env, service, sql)
    ]


async def unrested(env: Mapping[str, str]) -> list[str]:
    """What is still under way, in words; nothing: everything that was asked for has come to its end."""
    found = []
    for service in WITH_DATABASE:
        async with connected(env, service) as connection:
            for what, sql in {**KERNEL_UNRESTED, **UNRESTED[service]}.items():
                if many := await connection.fetchval(sql):
                    found.append(f"{service}: {many} {what}")
    return found + await _lags(env["KAFKA_BOOTSTRAP_SERVERS"])


async def _lags(bootstrap: str) -> list[str]:
    """Readers that have not committed what their topics hold."""
    found = []
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap, request_timeout_ms=5000)
    await asyncio.wait_for(admin.start(), 10)
    try:
        async with reading(bootstrap) as consumer:
            ends = await consumer.end_offsets(PARTITIONS)
        for group in WITH_DATABASE:
            committed = await admin.list_consumer_group_offsets(group)
            behind = sum(max(ends[at] - one.offset, 0) for at, one in committed.items() if at in ends)
            if behind:
                found.append(f"{group}: {behind} records not read")
    finally:
        await admin.close()
    return found


async def to_the_beginning(bootstrap: str, group: str) -> int:
    """Set every offset of a reader that does not run to 0; how many there were."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await asyncio.wait_for(admin.start(), 10)
    try:
        read = [at for at, one in (await admin.list_consumer_group_offsets(group)).items() if one.offset > 0]
    finally:
        await admin.close()
    if read:
        async with reading(bootstrap, group) as consumer:
            consumer.assign(read)
            await consumer.commit(dict.fromkeys(read, 0))
    return len(read)


async def at_rest(env: Mapping[str, str], seconds: float) -> tuple[float, list[str]]:
    """Wait until nothing moves any more; how long that took, and what was still under way at the deadline."""
    began, found = time.monotonic(), ["nothing was seen"]
    while True:
        try:
            found = await unrested(env)
        except (OSError, TimeoutError, KafkaError, asyncpg.PostgresError, asyncpg.InterfaceError) as problem:
            found = [f"cannot be asked: {type(problem).__name__}"]
        waited = time.monotonic() - began
        if not found or waited > seconds:
            return waited, found
        await asyncio.sleep(0.3)


@asynccontextmanager
async def reading(bootstrap: str, group: str | None = None) -> AsyncIterator[AIOKafkaConsumer]:
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap, group_id=group, enable_auto_commit=False, auto_offset_reset="earliest"
    )
    await asyncio.wait_for(consumer.start(), 15)
    try:
        yield consumer
    finally:
        await consumer.stop()


@asynccontextmanager
async def producing(env: Mapping[str, str]) -> AsyncIterator[AIOKafkaProducer]:
    """As another system, or another release of a service, writes into a topic."""
    producer = AIOKafkaProducer(bootstrap_servers=env["KAFKA_BOOTSTRAP_SERVERS"], acks="all")
    await asyncio.wait_for(producer.start(), 15)
    try:
        yield producer
    finally:
        await producer.stop()


async def say(producer: AIOKafkaProducer, event: Event) -> None:
    headers, value = encode(event)
    raw = [(name, text.encode()) for name, text in headers.items()]
    await producer.send_and_wait(event.topic, value, key=event.key.encode(), headers=raw)


async def said(bootstrap: str) -> list[Said]:
    """Every event of every topic, once, in the order of each partition."""
    found: dict[str, Said] = {}
    last: dict[TopicPartition, float] = {}
    async with reading(bootstrap) as consumer:
        consumer.assign(PARTITIONS)
        ends = await consumer.end_offsets(PARTITIONS)
        await consumer.seek_to_beginning()
        while any([await consumer.position(at) < ends[at] for at in PARTITIONS]):
            for at, records in (await consumer.getmany(timeout_ms=500)).items():
                for record in records:
                    last[at] = max(record.timestamp / 1000, last.get(at, 0) + 1e-6)  # their places count, not the clock
                    _add(found, record, last[at])
    return list(found.values())


def _add(found: dict[str, Said], record: Any, at: float) -> None:
    headers = {name: (value or b"").decode("utf-8", "replace") for name, value in record.headers}
    event_id = headers.get("ce_id") or f"{record.topic}/{record.partition}/{record.offset}"
    earlier = found.get(event_id)
    if earlier is not None:
        found[event_id] = Said(**{**vars(earlier), "repeats": earlier.repeats + 1})
        return
    try:
        data = json.loads(record.value)
    except (TypeError, ValueError):
        data = {}
    kind = headers.get("ce_type", "")
    found[event_id] = Said(event_id, kind, (record.key or b"").decode(), record.topic, at, data, 0)


async def state(env: Mapping[str, str], until: float) -> dict[str, str]:
    """A hash of each business table of each service, every row and column.

    `until` (of time.time): of the sessions that were ended, those count whose tokens would live on then.
    """
    found = {}
    for service in WITH_DATABASE:
        async with connected(env, service) as connection:
            tables = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1")
            for table in (one["tablename"] for one in tables):
                if not table.startswith(KERNEL_TABLES):
                    dump = await connection.fetch(f'SELECT t::text AS row FROM "{table}" AS t ORDER BY 1')
                    found[f"{service}.{table}"] = _hash(dump)
            sql = "SELECT session_id::text AS row FROM ended_sessions WHERE until > to_timestamp($1) ORDER BY 1"
            found[f"{service}.ended_sessions"] = _hash(await connection.fetch(sql, until))
    return found


def _hash(dump: Sequence[asyncpg.Record]) -> str:
    digest = hashlib.sha256()
    for one in dump:
        digest.update(one["row"].encode() + b"\n")
    return f"{len(dump)} rows {digest.hexdigest()[:16]}"


def differences(before: dict[str, str], after: dict[str, str]) -> list[str]:
    """The tables that changed, with what they were and are."""
    changed = [table for table in before | after if before.get(table) != after.get(table)]
    return [f"{table}: {before.get(table)} became {after.get(table)}" for table in changed]
