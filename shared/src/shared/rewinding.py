"""Rewinding: a service reads its topics again from a moment on, where its database was set back to that moment."""

import asyncio
from collections.abc import Collection
from datetime import datetime

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import CommitFailedError, IllegalGenerationError, KafkaError, UnknownMemberIdError

from shared.broker import Broker
from shared.complaints import CannotGoOn

KAFKA_SECONDS = 15.0
STILL_RUNS = (CommitFailedError, IllegalGenerationError, UnknownMemberIdError)
"""What the broker says to somebody who is no member of a group that has some."""


async def rewind(
    broker: Broker, group: str, partitions: Collection[TopicPartition], since: datetime
) -> dict[TopicPartition, int]:
    """Where each partition is read on now that was further; `CannotGoOn` while the group has a member.

    What the database remembers of the records is absorbed by its inbox, as with any repeat.
    """
    consumer = AIOKafkaConsumer(
        **broker.client(),
        group_id=group,
        enable_auto_commit=False,
        request_timeout_ms=int(KAFKA_SECONDS * 1000),
    )
    try:
        await asyncio.wait_for(consumer.start(), KAFKA_SECONDS)
        return await asyncio.wait_for(_rewound(consumer, partitions, since), 4 * KAFKA_SECONDS)
    except STILL_RUNS:
        raise CannotGoOn(f"{group} still runs: stop its worker, wait 10 seconds, and try again.") from None
    except (KafkaError, OSError, TimeoutError) as problem:
        raise CannotGoOn(f"The offsets cannot be set ({type(problem).__name__}): does the broker answer?") from None
    finally:
        await consumer.stop()


async def _rewound(
    consumer: AIOKafkaConsumer, partitions: Collection[TopicPartition], since: datetime
) -> dict[TopicPartition, int]:
    begins = await consumer.offsets_for_times(dict.fromkeys(partitions, int(since.timestamp() * 1000)))
    found = {at: begin.offset for at, begin in begins.items() if begin is not None}
    further = {at: offset for at, offset in found.items() if (await consumer.committed(at) or 0) > offset}
    if further:
        consumer.assign(list(further))
        await consumer.commit(further)
    return further
