"""The relay: sends a service's unsent outbox rows to Kafka, in the order of commits per key, at least once.

Two lanes overlap: fetching and enqueueing happen under one lock (which keeps the order), acknowledgements, marking and
commit outside it. Any failure drops both lanes and begins again with a new producer, from the first unsent row.
"""

import asyncio
import json
import time
from collections.abc import Coroutine, Sequence

import asyncpg
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, MessageSizeTooLargeError, RecordListTooLargeError
from aiokafka.partitioner import DefaultPartitioner
from aiokafka.producer.message_accumulator import BatchBuilder

from shared import metrics
from shared.acks import Acks
from shared.broker import Broker
from shared.database import Database
from shared.doorbell import CHANNEL
from shared.failpoints import point
from shared.halting import close, halt
from shared.logging import logger
from shared.relayed import tell_of_sent
from shared.stopping import any_of, until_stopped

RELAY_LOCK = 0x72656C6179  # "relay": held by the one active relay of the database, on a connection of its own
LANES_LOCK = 0x6C616E6573  # "lanes": held by its lanes, shared, as long as they may hold rows
LANES = 2
BATCH_ROWS = 1000
BATCH_BYTES = 256 * 1024
REQUEST_BYTES = 1_000_000
"""A row above it is refused before it is sent; Kafka's default limit (message.max.bytes) is 1,048,588."""
SWEEP_SECONDS = 1.0
STANDBY_SECONDS = 1.0
KEEP_SECONDS = 5.0
KAFKA_SECONDS = 15.0
"""The bound round every call to Kafka; aiokafka's idempotent producer waits for ever without a broker."""
LAST_SECONDS = 3.0
HUNG_SECONDS = 60
"""A relay whose process hangs this long loses its place: the database ends its connections."""

FETCH = """
    SELECT id, topic, key, headers::text, value, headers->>'ce_type' AS type,
           date_part('epoch', clock_timestamp() - created_at) AS age
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


class BeginAgain(Exception):
    """Nothing is wrong, but the lanes must start anew, with another producer."""


TooLarge = (MessageSizeTooLargeError, RecordListTooLargeError)
Failure = (
    *(BeginAgain, KafkaError, OSError, TimeoutError),
    *(asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError),
    RuntimeError,  # uvloop's word for a connection that was lost while it was written to
)


class Relay:
    """Runs until `stop`; while another relay of the same service is active it waits for its place."""

    def __init__(self, database: Database, broker: Broker, stop: asyncio.Event) -> None:
        self._database = database
        self._broker = broker
        self._stop = stop
        self._rung = asyncio.Event()
        self._fetching = asyncio.Lock()
        self._held: set[tuple[str, str]] = set()
        self._suspect_up_to = 0
        """The last row of a batch that the broker refused; up to it, one lane sends row by row to find which it is."""
        self._moved = False
        self.active = False

    async def run(self) -> None:
        """Once asked to stop, what is under way has `LAST_SECONDS` to be acknowledged; the rest stays unsent."""
        await until_stopped(self._work(), self._stop, LAST_SECONDS)

    async def _work(self) -> None:
        pause = 0.2
        while not self._stop.is_set():
            self._moved = False
            try:
                await self._live()
            except BeginAgain:
                continue
            except Failure as problem:
                pause = 0.2 if self._moved else min(pause * 2, 5.0)
                metrics.relay_restarts.inc()
                _log.warning("relay_restarted", cause=type(problem).__name__, pause_seconds=pause)
                await any_of(pause, self._stop)

    async def _live(self) -> None:
        """One life: a place, a producer, the lanes; ends when asked to stop, else by an exception."""
        place = await self._database.connect()
        try:
            if await self._placed(place):
                await self._relay(place)
        finally:
            place.terminate()

    async def _placed(self, place: asyncpg.Connection) -> bool:
        """Wait for the place; False if asked to stop first. If the connection dies, the place is lost with it."""
        while not await place.fetchval("SELECT pg_try_advisory_lock($1)", RELAY_LOCK, timeout=5):
            if await any_of(STANDBY_SECONDS, self._stop):
                return False
        # The lanes of the relay before may outlive its place for a moment. The rows that they hold would be skipped,
        # and later ones of the same keys sent first: wait until the last of them is gone.
        await place.execute("SELECT pg_advisory_lock($1)", LANES_LOCK, timeout=KAFKA_SECONDS)
        await place.execute("SELECT pg_advisory_unlock($1)", LANES_LOCK, timeout=5)
        await place.execute(f"SET idle_session_timeout = '{HUNG_SECONDS}s'", timeout=5)
        await place.add_listener(CHANNEL, lambda *_: self._rung.set())
        await point("relay.placed")
        return True

    async def _relay(self, place: asyncpg.Connection) -> None:
        producer = AIOKafkaProducer(
            **self._broker.client(),
            client_id=f"{self._database.service}-relay",
            acks="all",
            enable_idempotence=True,
            max_batch_size=BATCH_BYTES,
            request_timeout_ms=int(KAFKA_SECONDS * 1000),
        )
        self._fetching, self._held = asyncio.Lock(), set()
        lanes = 1 if self._suspect_up_to else LANES
        try:
            await asyncio.wait_for(producer.start(), KAFKA_SECONDS)
            await point("relay.started")
            _log.info("relay_started", lanes=lanes)
            self.active = True
            metrics.relay_active.set(1)
            await _all_or_none(self._keep(place), *(self._lane(producer) for _ in range(lanes)))
        finally:
            self.active = False
            metrics.relay_active.set(0)
            await close(producer)

    async def _keep(self, place: asyncpg.Connection) -> None:
        """See that the place is still ours; raises as soon as its connection is known to be lost."""
        lost = asyncio.Event()
        place.add_termination_listener(lambda _: lost.set())
        while not self._stop.is_set():
            await any_of(KEEP_SECONDS, self._stop, lost)
            await place.execute("SELECT 1", timeout=5)

    async def _lane(self, producer: AIOKafkaProducer) -> None:
        connection = await self._database.connect()
        try:
            # Between two passes too: a lane that hangs there holds no row, but the lock that the next relay waits for.
            for idle in ("idle_in_transaction_session_timeout", "idle_session_timeout"):
                await connection.execute(f"SET {idle} = '{HUNG_SECONDS}s'", timeout=5)
            await connection.execute("SELECT pg_advisory_lock_shared($1)", LANES_LOCK, timeout=5)
            while not self._stop.is_set():
                self._rung.clear()
                if await self._pass(producer, connection) == 0:
                    await any_of(SWEEP_SECONDS, self._rung, self._stop)
        finally:
            connection.terminate()

    async def _pass(self, producer: AIOKafkaProducer, connection: asyncpg.Connection) -> int:
        """Send one batch and mark it; how many rows were there."""
        again = False
        async with connection.transaction():
            async with self._fetching:
                limit = 1 if self._suspect_up_to else BATCH_ROWS
                rows, began = await connection.fetch(FETCH, limit, timeout=10), time.time()
                await point("relay.fetched")
                acks = Acks(lambda problem, row_id: self._halt(producer, problem, row_id))
                refused = await self._enqueue(producer, rows, acks)
                await point("relay.enqueued")
            last = rows[-1]["id"] if rows else self._suspect_up_to
            try:
                await acks.all_arrived(KAFKA_SECONDS)
            except TooLarge as problem:
                if limit > 1:
                    raise
                refused.append((rows[0], type(problem).__name__))
                again = True  # the broker saw no record of that sequence number, so this producer is of no more use
            else:
                await point("relay.acknowledged")
                await connection.execute(MARK_SENT, acks.row_ids, timeout=10)
                tell_of_sent(rows, acks.row_ids, began)
            for row, why in refused:
                await connection.execute(MARK_REFUSED, row["id"], why, timeout=10)
                _log.error("outbox_row_refused", row=row["id"], topic=row["topic"], cause=why)
            await point("relay.marked")
        await point("relay.committed")
        self._moved = True
        self._held.difference_update((row["topic"], row["key"]) for row, _ in refused)
        if self._suspect_up_to and last >= self._suspect_up_to:
            self._suspect_up_to, again = 0, True  # back to two lanes
        if again:
            raise BeginAgain
        return len(rows)

    async def _enqueue(
        self, producer: AIOKafkaProducer, rows: list[asyncpg.Record], acks: Acks
    ) -> list[tuple[asyncpg.Record, str]]:
        """Hand the rows to the producer, in order per partition; those that it could never send, with the reason.

        Whole batches, one acknowledgement each: a future for every record would cost as much as all the rest.
        """
        refused: list[tuple[asyncpg.Record, str]] = []
        filling: dict[tuple[str, int], tuple[BatchBuilder, list[int]]] = {}
        async with asyncio.timeout(KAFKA_SECONDS):
            topics = {row["topic"] for row in rows}
            partitions = {topic: sorted(await producer.partitions_for(topic)) for topic in topics}
            for row in rows:
                row_id, topic, key, headers, value, *_ = row
                if (topic, key) in self._held:
                    continue
                encoded = [(name, text.encode()) for name, text in json.loads(headers).items()]
                if len(value) + len(headers) > REQUEST_BYTES:
                    self._held.add((topic, key))
                    refused.append((row, MessageSizeTooLargeError.__name__))
                    continue
                key_bytes = key.encode()
                at = topic, _partition(key_bytes, partitions[topic])
                batch, row_ids = filling.get(at) or (producer.create_batch(), [])
                if batch.append(timestamp=None, key=key_bytes, value=value, headers=encoded) is None:  # it is full
                    await self._submit(producer, at, batch, row_ids, acks)
                    batch, row_ids = producer.create_batch(), []
                    batch.append(timestamp=None, key=key_bytes, value=value, headers=encoded)
                row_ids.append(row_id)
                filling[at] = batch, row_ids
            for at, (batch, row_ids) in filling.items():
                await self._submit(producer, at, batch, row_ids, acks)
        return refused

    async def _submit(
        self, producer: AIOKafkaProducer, at: tuple[str, int], batch: BatchBuilder, row_ids: list[int], acks: Acks
    ) -> None:
        batch.close()  # full or not, it does not linger
        topic, partition = at
        acks.expect(row_ids, await producer.send_batch(batch, topic, partition=partition))

    def _halt(self, producer: AIOKafkaProducer, problem: BaseException, last_row: int) -> None:
        """A batch failed: nothing more may go out, of neither lane.

        The broker takes any sequence number from a producer that is new to a partition, so it would take what follows
        the failed batch, and the order of its keys would be lost.
        """
        if isinstance(problem, TooLarge) and not self._suspect_up_to:
            self._suspect_up_to = last_row
        halt(producer)


def _partition(key: bytes, partitions: Sequence[int]) -> int:
    """Where every Kafka client puts the key (murmur2)."""
    return int(_partitioner(key, partitions, ()))


_partitioner = DefaultPartitioner()


async def _all_or_none(*works: Coroutine[None, None, None]) -> None:
    """Run them together; the first to fail stops the others at once, so that none sends past its failure."""
    tasks = [asyncio.create_task(work) for work in works]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
