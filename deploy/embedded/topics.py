"""The topics of deploy/topics.yaml, made by the admin client before any service starts."""

import asyncio
from pathlib import Path
from time import monotonic

from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from deploy.embedded.children import CannotStart
from shared.topics import Topic
from shared.topics import read as read_file

__all__ = ["FILE", "Topic", "create", "read"]

FILE = Path(__file__).resolve().parents[1] / "topics.yaml"
TOPIC_ALREADY_EXISTS = 36


def read(file: Path = FILE) -> list[Topic]:
    return list(read_file(file).topics.values())


async def create(bootstrap: str, topics: list[Topic], replication: int = 1, seconds: float = 30) -> None:
    """Makes those that are missing and waits until each partition has a leader."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await asyncio.wait_for(admin.start(), seconds)
    try:
        answer = await admin.create_topics([_new(topic, replication) for topic in topics])
        for name, error, *rest in answer.topic_errors:
            if error not in (0, TOPIC_ALREADY_EXISTS):
                raise CannotStart(f"Topic {name} cannot be made: {rest or error}")
        deadline = monotonic() + seconds
        while not await _led(admin, topics):
            if monotonic() > deadline:
                raise CannotStart(f"Topics have no leader after {seconds:.0f} s")
            await asyncio.sleep(0.05)
    finally:
        await admin.close()


def _new(topic: Topic, replication: int) -> NewTopic:
    retention = {"retention.ms": str(topic.retention_days * 86_400_000), "cleanup.policy": "delete"}
    return NewTopic(topic.name, topic.partitions, replication, topic_configs=retention)


async def _led(admin: AIOKafkaAdminClient, topics: list[Topic]) -> bool:
    described = await admin.describe_topics([topic.name for topic in topics])
    partitions = [partition for topic in described for partition in topic["partitions"]]
    return len(partitions) >= sum(topic.partitions for topic in topics) and all(
        partition["leader"] >= 0 for partition in partitions
    )
