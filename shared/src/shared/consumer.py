"""The consumer: reads a service's topics in order per partition; the offset is committed after the database."""

import asyncio
import time
from collections.abc import Collection, Sequence
from contextlib import suppress

from aiokafka import (
    AIOKafkaConsumer,
    ConsumerRebalanceListener,
    ConsumerRecord,
    TopicPartition,
)
from aiokafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaError

from shared import metrics
from shared.broker import Broker
from shared.delivering import Batch, Reader, is_transient
from shared.failpoints import point
from shared.foreign_bytes import accept as accept_any_header_names
from shared.inbox import concerning
from shared.logging import logger
from shared.parking import LimitReached
from shared.progress import Progress
from shared.stopping import any_of, bounded, until_stopped

KAFKA_SECONDS = 15.0
SESSION_SECONDS = 10.0
"""A member that died is noticed after it, and its partitions go to another one."""
LAST_SECONDS = 3.0
CLOSE_SECONDS = 2.0
POLL_MS = 500
BUSY_SECONDS = 0.005
"""Between two looks at the other partitions while some are handled."""
LANES = 4
"""So many partitions are handled at once: decoding, the database and Kafka overlap, and a slow reaction holds up
its own partition alone."""
MAX_BACKOFF_SECONDS = 10.0

_log = logger(__name__)
Records = Sequence["ConsumerRecord[bytes, bytes]"]


class Consumer(ConsumerRebalanceListener):  # type: ignore[misc]
    """Runs until `stop`; a broker that is away is waited for, a database that is away pauses its partitions."""

    def __init__(
        self,
        reader: Reader,
        broker: Broker,
        stop: asyncio.Event,
        batch_records: int = 1000,
        member: str | None = None,
    ) -> None:
        """With `member`, a name of its own that it has again after a restart, it gets its partitions back at once
        after a kill; without, the group waits for the dead one's session first (`SESSION_SECONDS`)."""
        self._reader = reader
        self._broker = broker
        self._stop = stop
        self._batch_records = batch_records
        self._member = member
        self._topics = sorted({entry.event.topic for entry in reader.heard.values()})
        self._retrying: dict[TopicPartition, asyncio.Task[None]] = {}
        self._next: dict[TopicPartition, int] = {}
        self._without_room: set[TopicPartition] = set()
        """Partitions whose next record would be a dead letter above the limit."""
        self._busy: dict[TopicPartition, float] = {}
        """Partitions of which a batch is handled now, with the moment when it last got on."""
        self._polled_at = time.monotonic()
        self._progress = Progress(self._topics, lambda: self.moved_at, self._retrying)
        self.connected = False

    async def run(self) -> None:
        if self._topics:
            await until_stopped(self._work(), self._stop, LAST_SECONDS)
        else:  # a service that hears nothing
            await self._stop.wait()

    async def _work(self) -> None:
        pause = 0.2
        while not self._stop.is_set():
            consumer = self._made()
            try:
                await asyncio.wait_for(consumer.start(), KAFKA_SECONDS)
                consumer.subscribe(self._topics, listener=self)
                await point("consumer.joined")
                _log.info("consumer_started", topics=self._topics)
                self._moved()
                self._progress.joined(consumer)
                self.connected, pause = True, 0.2
                await self._read(consumer)
            except (KafkaError, OSError, TimeoutError, RuntimeError) as problem:  # uvloop's word for a lost connection
                _log.warning(
                    "consumer_restarted",
                    cause=type(problem).__name__,
                    pause_seconds=pause,
                )
                pause = min(pause * 2, 5.0)
            finally:
                self.connected = False
                self._progress.left()
                await self._drop_retries(list(self._retrying))
                await _close(consumer, leave=self._stop.is_set())
            await any_of(pause, self._stop)

    def _made(self) -> AIOKafkaConsumer:
        return AIOKafkaConsumer(
            **self._broker.client(),
            group_id=self._reader.database.service,
            client_id=f"{self._reader.database.service}-consumer",
            group_instance_id=self._member,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            partition_assignment_strategy=(RoundRobinPartitionAssignor,),
            session_timeout_ms=int(SESSION_SECONDS * 1000),
            heartbeat_interval_ms=int(SESSION_SECONDS * 300),
            max_poll_interval_ms=300_000,
            request_timeout_ms=int(KAFKA_SECONDS * 1000),
        )

    async def _read(self, consumer: AIOKafkaConsumer) -> None:
        """Hand out batches, one at a time per partition, and commit the offsets of those that are done."""
        handling: dict[TopicPartition, asyncio.Task[int | None]] = {}
        try:
            while not self._stop.is_set():
                if len(handling) < LANES:
                    handling |= await self._poll(consumer, handling.keys())
                if handling:
                    await self._settle(consumer, handling, BUSY_SECONDS if len(handling) < LANES else None)
                for retrying in self._retrying.values():
                    if retrying.done():
                        retrying.result()  # it ends by itself only when its commit failed: begin again with all
            while handling:
                await self._settle(consumer, handling, None)
        finally:
            for task in handling.values():
                task.cancel()
            await asyncio.gather(*handling.values(), return_exceptions=True)
            self._busy.clear()

    async def _poll(
        self, consumer: AIOKafkaConsumer, handling: Collection[TopicPartition]
    ) -> dict[TopicPartition, "asyncio.Task[int | None]"]:
        """Records of partitions that nobody handles now, each with the task that does."""
        if handling and not (idle := consumer.assignment() - set(handling) - set(self._retrying)):
            return {}
        polled = await asyncio.wait_for(
            # None named: all that are assigned, and a member that has none yet waits in there for its share.
            consumer.getmany(
                *(idle if handling else ()),
                timeout_ms=0 if handling else POLL_MS,
                max_records=self._batch_records,
            ),
            KAFKA_SECONDS,
        )
        await point("consumer.polled")
        self._next |= {at: records[-1].offset + 1 for at, records in polled.items()}
        self._progress.polled(polled)
        if polled or not self._lags(consumer):
            self._moved()
        self._busy |= dict.fromkeys(polled, time.monotonic())
        return {at: asyncio.create_task(self._deliver(consumer, at, records)) for at, records in polled.items()}

    async def _settle(
        self,
        consumer: AIOKafkaConsumer,
        handling: dict[TopicPartition, "asyncio.Task[int | None]"],
        seconds: float | None,
    ) -> None:
        """Wait so long for a batch to be done, and commit what is. A partition lost meanwhile is passed over."""
        await asyncio.wait(handling.values(), timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        done = {at: handling.pop(at).result() for at, task in list(handling.items()) if task.done()}
        still_ours = {at: offset for at, offset in done.items() if self._busy.pop(at, None) and offset is not None}
        if still_ours:
            await self._commit(consumer, still_ours)

    async def _deliver(self, consumer: AIOKafkaConsumer, at: TopicPartition, records: Records) -> int | None:
        """The offset to commit, or None where the partition is paused until its batch goes through."""
        batch = Batch(concerning(records, self._reader.heard), lambda: self._moved(at))
        try:
            await self._reader.deliver(batch)
        except Exception as problem:  # this loop must live, whatever is wrong: the records stay where they are
            with suppress(IllegalStateError):  # the partition went to another member meanwhile
                consumer.pause(at)
                self._retrying[at] = asyncio.create_task(self._retry(consumer, at, batch, records[-1].offset + 1))
                self._tell_of_room(at, problem)
            say = _log.warning if is_transient(problem) else _log.error
            say("partition_paused", topic=at.topic, partition=at.partition, cause=type(problem).__name__)
            return None
        metrics.record_delay.labels(at.topic).observe(max(time.time() - records[0].timestamp / 1000, 0))
        return int(records[-1].offset) + 1

    async def _retry(
        self,
        consumer: AIOKafkaConsumer,
        at: TopicPartition,
        batch: Batch,
        offset: int,
    ) -> None:
        pause = 0.1
        while True:
            await asyncio.sleep(pause)
            self._moved()
            metrics.retried.labels(at.topic).inc()
            try:
                await self._reader.deliver(batch)
                break
            except Exception as problem:
                self._tell_of_room(at, problem)
                pause = min(pause * 2, MAX_BACKOFF_SECONDS)
        await self._commit(consumer, {at: offset})
        self._retrying.pop(at, None)
        self._tell_of_room(at, None)
        with suppress(IllegalStateError):
            consumer.resume(at)
        _log.info("partition_resumed", topic=at.topic, partition=at.partition)

    async def _commit(self, consumer: AIOKafkaConsumer, offsets: dict[TopicPartition, int]) -> None:
        await point("consumer.committing")
        try:
            await asyncio.wait_for(consumer.commit(offsets), KAFKA_SECONDS)
            self._progress.committed(offsets)
            await point("consumer.committed")
        except (CommitFailedError, IllegalStateError) as problem:
            # The group was rebalanced: whoever has the partition now reads the batch again, its inbox absorbs it.
            _log.info("offsets_left_uncommitted", cause=type(problem).__name__)

    def _tell_of_room(self, at: TopicPartition, problem: Exception | None) -> None:
        """One line when the first partition stops because too many dead letters wait; a gauge for how many stand."""
        if isinstance(problem, LimitReached):
            if not self._without_room:
                _log.error("dead_letters_limit_reached", what_to_do=str(problem))
            self._without_room.add(at)
        else:
            self._without_room.discard(at)
        metrics.partitions_without_room.set(len(self._without_room))

    @property
    def moved_at(self) -> float:
        """When the least lively part last did something, or had nothing to do (monotonic); the watchdog looks at it."""
        return min([self._polled_at, *self._busy.values()])

    def _moved(self, at: TopicPartition | None = None) -> None:
        if at in self._busy:
            self._busy[at] = time.monotonic()
        else:
            self._polled_at = time.monotonic()

    def _lags(self, consumer: AIOKafkaConsumer) -> bool:
        """Whether the broker told of records that were never polled, on partitions that are not paused."""
        running = consumer.assignment() - set(self._retrying)
        return any((consumer.highwater(at) or 0) > self._next[at] for at in running if at in self._next)

    async def on_partitions_revoked(self, revoked: Collection[TopicPartition]) -> None:
        await self._drop_retries(revoked)
        self._progress.lost(revoked)
        for at in revoked:
            self._next.pop(at, None)
            self._busy.pop(at, None)

    async def on_partitions_assigned(self, assigned: Collection[TopicPartition]) -> None:
        _log.info("partitions_assigned", count=len(assigned))

    async def _drop_retries(self, partitions: Collection[TopicPartition]) -> None:
        tasks = [self._retrying.pop(at) for at in partitions if at in self._retrying]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for at in partitions:
            self._tell_of_room(at, None)


async def _close(consumer: AIOKafkaConsumer, leave: bool) -> None:
    """Leave the group where asked to stop: its partitions go on elsewhere at once. A join under way may take long."""
    if leave and consumer._coordinator is not None:
        consumer._coordinator._group_instance_id = None  # aiokafka lets no named member leave; the broker does
    if not await bounded(consumer.stop(), CLOSE_SECONDS):
        await bounded(consumer._client.close(), 1.0)


accept_any_header_names()
