"""What a service has said since a moment, read back from its own topic: for a database that was set back to before."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import asyncpg
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError

from shared.broker import Broker
from shared.complaints import CannotGoOn
from shared.database import Database
from shared.events import REGISTRY, Event, Malformed, header, identity_of, read
from shared.foreign_bytes import accept as accept_any_header_names

KAFKA_SECONDS = 15.0
POLL_MS = 500
BATCH_RECORDS = 5000


@dataclass(frozen=True)
class Said:
    """One event of the service's own topic."""

    event: Event
    forgotten: bool
    """The database knows nothing of it: it was said in the time that was lost."""


async def said_since(database: Database, broker: Broker, since: datetime) -> AsyncIterator[list[Said]]:
    """In batches, in order per key; what no release of today's reads is left out. `CannotGoOn`: no broker answers.

    Rows of the outbox that wait to be sent, although the topic has them, are marked as sent on the way: they were
    unsent at the moment to which the database was set back, and would be said a second time.
    """
    async for records in _records(f"{database.service}.events", broker, since):
        found = {identity_of(dict(one.headers), one.topic, one.partition, one.offset): one for one in records}
        known = await _known(database, list(found))
        events = [(event_id, _event(event_id, record)) for event_id, record in found.items()]
        yield [Said(event, event_id not in known) for event_id, event in events if event is not None]


async def reconcile(database: Database, broker: Broker, since: datetime) -> tuple[int, int]:
    """How many events the topic has since then, and how many of them the database does not know."""
    count = forgotten = 0
    async for batch in said_since(database, broker, since):
        count += len(batch)
        forgotten += sum(one.forgotten for one in batch)
    return count, forgotten


async def _known(database: Database, event_ids: list[UUID]) -> set[UUID]:
    """Those that the outbox holds; on a connection without time limits, as it reads a week's rows."""
    connection: asyncpg.Connection = await database.connect()
    try:
        await connection.execute(
            "UPDATE outbox SET sent_at = now(), refused_at = NULL, refusal = NULL"
            " WHERE sent_at IS NULL AND event_id = ANY($1::uuid[])",
            event_ids,
        )
        rows = await connection.fetch("SELECT event_id FROM outbox WHERE event_id = ANY($1::uuid[])", event_ids)
    finally:
        await connection.close()
    return {row["event_id"] for row in rows}


def _event(event_id: UUID, record: "ConsumerRecord[bytes, bytes]") -> Event | None:
    as_class = REGISTRY.get(header(dict(record.headers), "ce_type") or "")
    if as_class is None:
        return None
    try:
        return read(dict(record.headers), record.value, as_class, event_id)
    except Malformed:  # nobody could do anything with it at the time either
        return None


async def _records(
    topic: str, broker: Broker, since: datetime
) -> AsyncIterator[Sequence["ConsumerRecord[bytes, bytes]"]]:
    """What the topic holds now, from the moment on, as its broker dates it."""
    consumer = AIOKafkaConsumer(
        topic,  # of no group: every partition is its own
        **broker.client(),
        enable_auto_commit=False,
        request_timeout_ms=int(KAFKA_SECONDS * 1000),
    )
    try:
        await asyncio.wait_for(consumer.start(), KAFKA_SECONDS)
        ends = await asyncio.wait_for(_positioned(consumer, topic, since), KAFKA_SECONDS)
        while any([await consumer.position(at) < end for at, end in ends.items()]):
            polled = await consumer.getmany(timeout_ms=POLL_MS, max_records=BATCH_RECORDS)
            if records := [one for of_partition in polled.values() for one in of_partition]:
                yield records
    except (KafkaError, OSError, TimeoutError) as problem:
        raise CannotGoOn(f"{topic} cannot be read ({type(problem).__name__}): does the broker answer?") from None
    finally:
        await consumer.stop()


async def _positioned(consumer: AIOKafkaConsumer, topic: str, since: datetime) -> dict[TopicPartition, int]:
    """Where each partition ends; the consumer stands at what each holds from then on."""
    partitions = consumer.assignment()
    if not partitions:
        raise CannotGoOn(f"{topic} is not there.")
    ends: dict[TopicPartition, int] = await consumer.end_offsets(partitions)
    begins = await consumer.offsets_for_times(dict.fromkeys(partitions, int(since.timestamp() * 1000)))
    for at, end in ends.items():
        consumer.seek(at, begins[at].offset if begins[at] else end)
    return ends


accept_any_header_names()
