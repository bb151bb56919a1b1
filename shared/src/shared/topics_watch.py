"""The topics as the broker has them, beside what deploy/topics.yaml says: one kept longer would break a promise."""

import asyncio
from collections.abc import Mapping, Sequence

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError

from shared import metrics
from shared.broker import Broker
from shared.health import NotReady
from shared.logging import logger
from shared.stopping import any_of, bounded
from shared.topics import Topic

LOOK_SECONDS = 600.0
RETRY_SECONDS = 10.0
KAFKA_SECONDS = 15.0
DAY_MS = 86_400_000

_log = logger(__name__)


class TopicsWatch:
    """Looks every ten minutes until `stop`; a broker that is away is asked again, and says nothing of its topics."""

    def __init__(self, broker: Broker, topics: Sequence[Topic], stop: asyncio.Event) -> None:
        self._broker = broker
        self._topics = topics
        self._stop = stop
        self.differences: list[str] = []

    async def run(self) -> None:
        while not self._stop.is_set():
            try:
                found = await asyncio.wait_for(differences(self._broker, self._topics), KAFKA_SECONDS)
            except (KafkaError, OSError, TimeoutError):
                pause = RETRY_SECONDS
            else:
                for told in found:
                    if told not in self.differences:
                        _log.error("topic_differs", what=told)
                self.differences, pause = found, LOOK_SECONDS
                metrics.topic_differences.set(len(found))
            await any_of(pause, self._stop)

    async def check(self) -> None:
        if self.differences:
            raise NotReady("; ".join(self.differences))


async def differences(broker: Broker, topics: Sequence[Topic]) -> list[str]:
    """What the broker has otherwise than the file, one line each."""
    admin = AIOKafkaAdminClient(**broker.client(), request_timeout_ms=int(KAFKA_SECONDS * 1000))
    try:
        await admin.start()
        described = await admin.describe_topics([topic.name for topic in topics])
        partitions = {topic["topic"]: len(topic["partitions"]) for topic in described if not topic["error_code"]}
        there = [topic.name for topic in topics if topic.name in partitions]
        settings = await _settings(admin, there)
    finally:
        await bounded(admin.close(), 1.0)
    told = [f"{topic.name} is not there" for topic in topics if topic.name not in partitions]
    for topic in topics:
        if topic.name in partitions:
            told += _differences(topic, partitions[topic.name], settings.get(topic.name, {}))
    return told


def _differences(topic: Topic, partitions: int, settings: Mapping[str, str]) -> list[str]:
    told = []
    if partitions != topic.partitions:
        told.append(f"{topic.name} has {partitions} partitions, not {topic.partitions}")
    if (kept := int(settings.get("retention.ms", "-1"))) != topic.retention_days * DAY_MS:
        days = "for ever" if kept < 0 else f"{kept / DAY_MS:g} days"
        told.append(f"{topic.name} is kept {days}, not {topic.retention_days} days")
    if (policy := settings.get("cleanup.policy", "delete")) != "delete":
        told.append(f"{topic.name} has cleanup.policy {policy}, not delete")
    return told


async def _settings(admin: AIOKafkaAdminClient, names: Sequence[str]) -> dict[str, dict[str, str]]:
    asked = [ConfigResource(ConfigResourceType.TOPIC, name) for name in names]
    answers = await admin.describe_configs(asked) if asked else []
    resources = [resource for answer in answers for resource in answer.resources]
    return {name: {entry[0]: entry[1] for entry in entries} for _error, _message, _kind, name, entries in resources}
