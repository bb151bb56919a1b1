"""The topics of deploy/topics.yaml, made by the admin client before any service starts."""

import asyncio
from collections.abc import Mapping
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
        there = {name for name, error, *_rest in answer.topic_errors if error == TOPIC_ALREADY_EXISTS}
        for name, error, *rest in answer.topic_errors:
            if error not in (0, TOPIC_ALREADY_EXISTS):
                raise CannotStart(f"Topic {name} cannot be made: {rest or error}")
        deadline = monotonic() + seconds
        least = {topic.name: 1 if topic.name in there else topic.partitions for topic in topics}
        while not await _led(admin, least):
            if monotonic() > deadline:
                raise CannotStart(f"Topics have no leader after {seconds:.0f} s")
            await asyncio.sleep(0.05)
    finally:
        await admin.close()


def _new(topic: Topic, replication: int) -> NewTopic:
    retention = {"retention.ms": str(topic.retention_days * 86_400_000), "cleanup.policy": "delete"}
    return NewTopic(topic.name, topic.partitions, replication, topic_configs=retention)


async def _led(admin: AIOKafkaAdminClient, least: Mapping[str, int]) -> bool:
    """Whether each topic has that many partitions, or more, and each of them a leader."""
    described = {topic["topic"]: topic["partitions"] for topic in await admin.describe_topics(list(least))}
    return all(len(described.get(name, ())) >= count for name, count in least.items()) and all(
        partition["leader"] >= 0 for partitions in described.values() for partition in partitions
    )
