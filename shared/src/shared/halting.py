"""Ending aiokafka's producer at once, without what it has not sent: by itself it would wait for ever."""

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from shared.stopping import bounded

CLOSE_SECONDS = 1.5


def halt(producer: AIOKafkaProducer) -> None:
    """Let nothing more go out; whoever waits for the producer is told, as it would wait for ever."""
    if producer._sender is None or producer._sender.sender_task is None:
        return
    producer._sender.sender_task.cancel()
    accumulator = producer._message_accumulator
    queued = [batch for batches in accumulator._batches.values() for batch in batches]
    # What follows keeps aiokafka's log quiet: it takes a batch that it had put back for one under way, and nobody asks
    # what became of one that was given up.
    accumulator._pending_batches.update(batch for batch in queued if batch.retry_count)
    given_up = [*queued, *accumulator._pending_batches]
    accumulator.fail_all(KafkaError("the relay begins again"))
    for future in (future for batch in given_up for future in (batch.future, batch._drain_waiter)):
        if future.done() and not future.cancelled():
            future.exception()


async def close(producer: AIOKafkaProducer) -> None:
    """Close without flushing: `stop()` alone would wait for ever for a broker that is away."""
    halt(producer)
    await bounded(producer.client.close(), CLOSE_SECONDS)  # what is under way fails at once
    await bounded(producer.stop(), CLOSE_SECONDS)
