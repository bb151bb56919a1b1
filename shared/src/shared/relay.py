"""The relay: sends a service's unsent outbox rows to Kafka, in the order of commits per key, at least once.

Two lanes overlap: fetching and enqueueing happen under one lock (which keeps the order), acknowledgements, marking and
commit outside it. Any transient failure drops both lanes and begins again with a new producer.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Coroutine, Iterable, Sequence
from contextlib import asynccontextmanager, suppress

import asyncpg
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, MessageSizeTooLargeError
from aiokafka.structs import RecordMetadata

from shared import metrics
from shared.database import Database
from shared.doorbell import CHANNEL
from shared.logging import logger

RELAY_LOCK = 0x72656C6179  # "relay": one active relay per service's database
LANES = 2
BATCH_ROWS = 1000
SWEEP_SECONDS = 1.0
KAFKA_SECONDS = 15.0
"""The bound round every call to Kafka; aiokafka's idempotent producer waits for ever without a broker."""

FETCH = """
    SELECT id, topic, key, headers::text, value
    FROM outbox AS row
    WHERE sent_at IS NULL AND refused_at IS NULL
      AND NOT EXISTS (
        SELECT 1 FROM outbox AS held
        WHERE held.topic = row.topic AND held.key = row.key AND held.refused_at IS NOT NULL AND held.sent_at IS NULL
      )
    ORDER BY id LIMIT $1 FOR UPDATE SKIP LOCKED
"""
MARK_SENT = "UPDATE outbox SET sent_at = now() WHERE id = ANY($1)"
MARK_REFUSED = "UPDATE outbox SET refused_at = now(), refusal = $2 WHERE id = $1"

_log = logger(__name__)
Ack = tuple[int, asyncio.Future[RecordMetadata]]
Refused = tuple[int, str, str, str]  # id, topic, key, why
Failure = (
    KafkaError,
    OSError,
    TimeoutError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
)


class Relay:
    """Runs until `stop`; while another relay of the same service is active it waits for its place."""

    def __init__(self, database: Database, bootstrap_servers: str, stop: asyncio.Event) -> None:
        self._database = database
        self._servers = bootstrap_servers
        self._stop = stop
        self._rung = asyncio.Event()
        self._fetching = asyncio.Lock()
        self._held: set[tuple[str, str]] = set()
        self._rows = BATCH_ROWS
        self.active = False

    async def run(self) -> None:
        pause = 0.2
        while not self._stop.is_set():
            try:
                async with self._place() as has_place:
                    if has_place:
                        await self._relay()
                        pause = 0.2
            except Failure as problem:
                metrics.relay_restarts.inc()
                _log.warning("relay_restarted", cause=type(problem).__name__, pause_seconds=pause)
                pause = min(pause * 2, 5.0)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stop.wait(), pause)

    @asynccontextmanager
    async def _place(self) -> AsyncIterator[bool]:
        """The advisory lock lives on the connection that also listens to the doorbell: if it dies, so does the lock."""
        connection = await self._database.connect()
        try:
            has_place = await connection.fetchval("SELECT pg_try_advisory_lock($1)", RELAY_LOCK, timeout=5)
            if has_place:
                await connection.add_listener(CHANNEL, lambda *_: self._rung.set())
                connection.add_termination_listener(lambda _: self._rung.set())
            self._place_connection = connection
            yield bool(has_place)
        finally:
            connection.terminate()

    async def _relay(self) -> None:
        producer = AIOKafkaProducer(
            bootstrap_servers=self._servers,
            client_id=f"{self._database.service}-relay",
            acks="all",
            enable_idempotence=True,
            linger_ms=2,
            max_batch_size=128 * 1024,
            request_timeout_ms=int(KAFKA_SECONDS * 1000),
        )
        self._fetching, self._held = asyncio.Lock(), set()
        try:
            await asyncio.wait_for(producer.start(), KAFKA_SECONDS)
            _log.info("relay_started")
            self.active = True
            await _all_or_none(self._lane(producer) for _ in range(LANES))
        finally:
            self.active = False
            await _close(producer)

    async def _lane(self, producer: AIOKafkaProducer) -> None:
        connection = await self._database.connect()
        try:
            while not self._stop.is_set():
                if self._place_connection.is_closed():
                    raise asyncpg.InterfaceError("the connection that holds the relay's lock is gone")
                self._rung.clear()
                if await self._pass(producer, connection) == 0:
                    with suppress(TimeoutError):
                        await asyncio.wait_for(_first(self._rung, self._stop), SWEEP_SECONDS)
        finally:
            connection.terminate()

    async def _pass(self, producer: AIOKafkaProducer, connection: asyncpg.Connection) -> int:
        async with connection.transaction():
            async with self._fetching:
                rows = await connection.fetch(FETCH, self._rows, timeout=10)
                acks, refused = await self._enqueue(producer, rows)
            try:
                await self._acknowledged(acks, connection)
            except MessageSizeTooLargeError as problem:
                if len(acks) > 1:
                    self._rows = 1  # the broker refused a batch: begin again row by row, to find the one it is
                    raise
                row = rows[0]
                refused.append((row["id"], row["topic"], row["key"], type(problem).__name__))
            for row_id, topic, _key, why in refused:
                await connection.execute(MARK_REFUSED, row_id, why, timeout=10)
                _log.error("outbox_row_refused", row=row_id, topic=topic, cause=why)
        self._held.difference_update((topic, key) for _, topic, key, _ in refused)
        self._rows = BATCH_ROWS
        return len(rows)

    async def _enqueue(self, producer: AIOKafkaProducer, rows: list[asyncpg.Record]) -> tuple[list[Ack], list[Refused]]:
        acks: list[Ack] = []
        refused: list[Refused] = []
        async with asyncio.timeout(KAFKA_SECONDS):
            for row_id, topic, key, headers, value in rows:
                if (topic, key) in self._held:
                    continue
                encoded = [(name, text.encode()) for name, text in json.loads(headers).items()]
                try:
                    ack = await producer.send(topic, value, key=key.encode(), headers=encoded)
                except MessageSizeTooLargeError as problem:
                    self._held.add((topic, key))
                    refused.append((row_id, topic, key, type(problem).__name__))
                else:
                    acks.append((row_id, ack))
        return acks, refused

    async def _acknowledged(self, acks: Sequence[Ack], connection: asyncpg.Connection) -> None:
        if not acks:
            return
        done, waiting = await asyncio.wait([ack for _, ack in acks], timeout=KAFKA_SECONDS)
        if waiting:
            raise TimeoutError("no acknowledgement from Kafka")
        for ack in done:
            ack.result()
        await connection.execute(MARK_SENT, [row_id for row_id, _ in acks], timeout=10)
        metrics.relayed.inc(len(acks))


async def _first(*events: asyncio.Event) -> None:
    waits = [asyncio.create_task(event.wait()) for event in events]
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()


async def _all_or_none(lanes: Iterable[Coroutine[None, None, None]]) -> None:
    """Run the lanes; the first to fail stops the others at once, so that none sends past its failure."""
    tasks = [asyncio.create_task(lane) for lane in lanes]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _close(producer: AIOKafkaProducer) -> None:
    """Close without flushing: `stop()` alone would wait for ever for a broker that is away."""
    sender = producer._sender
    if sender is not None and sender.sender_task is not None:
        sender.sender_task.cancel()
    with suppress(Exception):
        await asyncio.wait_for(producer.stop(), 3)
