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
from shared.delivering import Batch, Reader, is_transient
from shared.failpoints import point
from shared.inbox import concerning
from shared.logging import logger
from shared.stopping import any_of, bounded, until_stopped

KAFKA_SECONDS = 15.0
SESSION_SECONDS = 10.0
"""A member that died is noticed after it, and its partitions go to another one."""
LAST_SECONDS = 3.0
CLOSE_SECONDS = 2.0
POLL_MS = 500
MAX_BACKOFF_SECONDS = 10.0

_log = logger(__name__)
Records = Sequence["ConsumerRecord[bytes, bytes]"]


class Consumer(ConsumerRebalanceListener):  # type: ignore[misc]
    """Runs until `stop`; a broker that is away is waited for, a database that is away pauses its partitions."""

    def __init__(
        self,
        reader: Reader,
        bootstrap_servers: str,
        stop: asyncio.Event,
        batch_records: int = 1000,
    ) -> None:
        self._reader = reader
        self._servers = bootstrap_servers
        self._stop = stop
        self._batch_records = batch_records
        self._topics = sorted({entry.event.topic for entry in reader.heard.values()})
        self._retrying: dict[TopicPartition, asyncio.Task[None]] = {}
        self._next: dict[TopicPartition, int] = {}
        self.moved_at = time.monotonic()
        """When something was last handled, or there was nothing to handle; the watchdog looks at it."""
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
                self.connected, pause = True, 0.2
                await self._read(consumer)
            except (KafkaError, OSError, TimeoutError) as problem:
                _log.warning(
                    "consumer_restarted",
                    cause=type(problem).__name__,
                    pause_seconds=pause,
                )
                pause = min(pause * 2, 5.0)
            finally:
                self.connected = False
                await self._drop_retries(list(self._retrying))
                await _close(consumer)
            await any_of(pause, self._stop)

    def _made(self) -> AIOKafkaConsumer:
        return AIOKafkaConsumer(
            bootstrap_servers=self._servers,
            group_id=self._reader.database.service,
            client_id=f"{self._reader.database.service}-consumer",
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            partition_assignment_strategy=(RoundRobinPartitionAssignor,),
            session_timeout_ms=int(SESSION_SECONDS * 1000),
            heartbeat_interval_ms=int(SESSION_SECONDS * 300),
            max_poll_interval_ms=300_000,
            request_timeout_ms=int(KAFKA_SECONDS * 1000),
        )

    async def _read(self, consumer: AIOKafkaConsumer) -> None:
        while not self._stop.is_set():
            polled = await asyncio.wait_for(
                consumer.getmany(timeout_ms=POLL_MS, max_records=self._batch_records),
                KAFKA_SECONDS,
            )
            await point("consumer.polled")
            self._next |= {at: records[-1].offset + 1 for at, records in polled.items()}
            if polled or not self._lags(consumer):
                self._moved()
            for retrying in self._retrying.values():
                if retrying.done():
                    retrying.result()  # it ends by itself only when its commit failed: begin again with all
            done = await asyncio.gather(*(self._deliver(consumer, at, records) for at, records in polled.items()))
            await self._commit(consumer, dict(entry for entry in done if entry is not None))

    async def _deliver(
        self, consumer: AIOKafkaConsumer, at: TopicPartition, records: Records
    ) -> tuple[TopicPartition, int] | None:
        """The offset to commit, or None where the partition is paused until its batch goes through."""
        batch = Batch(concerning(records, self._reader.heard), self._moved)
        try:
            await self._reader.deliver(batch)
        except Exception as problem:
            if not is_transient(problem):
                raise
            with suppress(IllegalStateError):  # the partition went to another member meanwhile
                consumer.pause(at)
                self._retrying[at] = asyncio.create_task(self._retry(consumer, at, batch, records[-1].offset + 1))
            _log.warning(
                "partition_paused",
                topic=at.topic,
                partition=at.partition,
                cause=type(problem).__name__,
            )
            return None
        return at, records[-1].offset + 1

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
                if not is_transient(problem):
                    raise
                pause = min(pause * 2, MAX_BACKOFF_SECONDS)
        await self._commit(consumer, {at: offset})
        self._retrying.pop(at, None)
        with suppress(IllegalStateError):
            consumer.resume(at)
        _log.info("partition_resumed", topic=at.topic, partition=at.partition)

    async def _commit(self, consumer: AIOKafkaConsumer, offsets: dict[TopicPartition, int]) -> None:
        if not offsets:
            return
        await point("consumer.committing")
        try:
            await asyncio.wait_for(consumer.commit(offsets), KAFKA_SECONDS)
            await point("consumer.committed")
        except (CommitFailedError, IllegalStateError) as problem:
            # The group was rebalanced: whoever has the partition now reads the batch again, its inbox absorbs it.
            _log.info("offsets_left_uncommitted", cause=type(problem).__name__)

    def _moved(self) -> None:
        self.moved_at = time.monotonic()

    def _lags(self, consumer: AIOKafkaConsumer) -> bool:
        """Whether the broker told of records that were never polled, on partitions that are not paused."""
        running = consumer.assignment() - set(self._retrying)
        return any((consumer.highwater(at) or 0) > self._next[at] for at in running if at in self._next)

    async def on_partitions_revoked(self, revoked: Collection[TopicPartition]) -> None:
        await self._drop_retries(revoked)
        for at in revoked:
            self._next.pop(at, None)

    async def on_partitions_assigned(self, assigned: Collection[TopicPartition]) -> None:
        _log.info("partitions_assigned", count=len(assigned))

    async def _drop_retries(self, partitions: Collection[TopicPartition]) -> None:
        tasks = [self._retrying.pop(at) for at in partitions if at in self._retrying]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _close(consumer: AIOKafkaConsumer) -> None:
    """Leave the group, so that its partitions go on elsewhere at once. A join under way may take too long."""
    if not await bounded(consumer.stop(), CLOSE_SECONDS):
        await bounded(consumer._client.close(), 1.0)
