"""How far a consumer has come in each of its partitions, for its gauges."""

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from shared import metrics


class Progress:
    """Told by the consumer's loop; read when metrics are."""

    def __init__(
        self, topics: Collection[str], moved_at: Callable[[], float], paused: Collection[TopicPartition]
    ) -> None:
        """`moved_at`: of the least lively part (monotonic). `paused`: whose batch is tried again, as it changes."""
        self._client: AIOKafkaConsumer | None = None
        self._next: dict[TopicPartition, int] = {}
        """The next offset to be committed; of a partition that brought nothing yet it is not known, and not needed."""
        self._paused = paused
        for topic in topics:
            metrics.consumer_lag.labels(topic).set_function(partial(self._lag, topic))
            metrics.partitions_paused.labels(topic).set_function(partial(self._standing, topic))
            metrics.consumer_joined.labels(topic).set_function(lambda: float(self._client is not None))
            metrics.committed.labels(topic)  # so that it is there, at 0, before the first
        if topics:
            metrics.consumer_progress.set_function(lambda: time.monotonic() - moved_at() if self._client else 0.0)

    def joined(self, client: AIOKafkaConsumer) -> None:
        self._client = client

    def left(self) -> None:
        self._client = None
        self._next.clear()

    def lost(self, partitions: Collection[TopicPartition]) -> None:
        for at in partitions:
            self._next.pop(at, None)

    def polled(self, polled: "Mapping[TopicPartition, Sequence[ConsumerRecord[bytes, bytes]]]") -> None:
        for at, records in polled.items():
            self._next.setdefault(at, records[0].offset)

    def committed(self, offsets: Mapping[TopicPartition, int]) -> None:
        for at, offset in offsets.items():
            metrics.committed.labels(at.topic).inc(max(offset - self._next.get(at, offset), 0))
            self._next[at] = offset

    def _lag(self, topic: str) -> float:
        if self._client is None:
            return 0.0
        ours = [at for at in self._client.assignment() if at.topic == topic and at in self._next]
        return float(sum(max((self._client.highwater(at) or 0) - self._next[at], 0) for at in ours))

    def _standing(self, topic: str) -> float:
        return float(sum(at.topic == topic for at in self._paused))
