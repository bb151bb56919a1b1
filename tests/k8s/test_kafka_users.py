"""The rules of the KafkaUsers on a real broker: each service can do its work, and nothing beside it."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import (
    ClusterAuthorizationFailedError,
    GroupAuthorizationFailedError,
    TopicAuthorizationFailedError,
)
from aiokafka.structs import OffsetAndMetadata

from deploy.embedded import topics
from deploy.embedded.environment import WITH_DATABASE
from deploy.k8s.kafka import BILLING, heard, user_documents
from shared import topics_watch
from shared.broker import Broker
from tests.shared.tls_broker import TlsKafka, allow, tls_kafka

TOPICS = {topic.name: topic for topic in topics.read()}
NO_RIGHT = (TopicAuthorizationFailedError, GroupAuthorizationFailedError, ClusterAuthorizationFailedError)
"""The last is told to an idempotent producer that may write nothing at all."""


@pytest.fixture(scope="module")
async def cluster(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[TlsKafka]:
    """A broker with every topic, on which the users may do what their documents say."""
    async with tls_kafka(tmp_path_factory.mktemp("users")) as kafka:
        await topics.create(kafka.server.bootstrap, list(TOPICS.values()))
        for name in TOPICS:
            assert await may_write(Broker(kafka.server.bootstrap), name)
        for user in user_documents():
            rules = user["spec"]["authorization"]["acls"]
            told = [(rule["resource"]["type"], rule["resource"]["name"], rule["operations"]) for rule in rules]
            await allow(kafka, user["metadata"]["name"], *told)
        yield kafka


async def may_write(broker: Broker, topic: str) -> bool:
    """As the relay does: with an idempotent producer."""
    producer = AIOKafkaProducer(**broker.client(), acks="all", enable_idempotence=True, request_timeout_ms=5000)
    try:
        await asyncio.wait_for(producer.start(), 10)
        await asyncio.wait_for(producer.send_and_wait(topic, b"{}", partition=0), 10)
    except NO_RIGHT:
        return False
    finally:
        await asyncio.wait_for(producer.stop(), 10)
    return True


async def may_read(broker: Broker, group: str | None, topic: str) -> bool:
    """As a reader does in its group, with how far it came; or in none, as who reads back what was said."""
    at = TopicPartition(topic, 0)
    consumer = AIOKafkaConsumer(
        **broker.client(), group_id=group, enable_auto_commit=False, auto_offset_reset="earliest"
    )
    try:
        await asyncio.wait_for(consumer.start(), 10)
        consumer.assign([at])
        async with asyncio.timeout(20):
            while not await consumer.getmany(timeout_ms=100):
                if topic in consumer._client.cluster.unauthorized_topics:
                    return False
        if group:
            await asyncio.wait_for(consumer.commit({at: OffsetAndMetadata(0, "")}), 10)
    except NO_RIGHT:
        return False
    finally:
        await consumer.stop()
    return True


@pytest.mark.parametrize("service", WITH_DATABASE)
async def test_service_writes_its_own_topic_alone(cluster: TlsKafka, service: str) -> None:
    broker = cluster.broker(service)

    writes = {topic for topic in TOPICS if await may_write(broker, topic)}

    assert writes == {f"{service}.events"}


@pytest.mark.parametrize("service", WITH_DATABASE)
async def test_service_reads_what_it_hears_and_its_own_topic_alone(cluster: TlsKafka, service: str) -> None:
    """Its own is read back after its database was set back (`outbox reconcile`, `catch-up`)."""
    broker, hears = cluster.broker(service), heard(service)

    reads = {topic for topic in TOPICS if await may_read(broker, service if hears else None, topic)}

    assert reads == {*hears, f"{service}.events"}


async def test_group_of_another_service_is_refused(cluster: TlsKafka) -> None:
    assert not await may_read(cluster.broker("notifier"), "billing-link", "identity.events")


@pytest.mark.parametrize("service", WITH_DATABASE)
async def test_worker_may_compare_its_topics_with_the_file(cluster: TlsKafka, service: str) -> None:
    mine = [TOPICS[name] for name in sorted({*heard(service), f"{service}.events"})]

    assert await topics_watch.differences(cluster.broker(service), mine) == []


async def test_billing_system_writes_its_topic_alone(cluster: TlsKafka) -> None:
    broker = cluster.broker(BILLING)

    assert {topic for topic in TOPICS if await may_write(broker, topic)} == {"billing.events"}


async def test_who_has_a_certificate_and_no_rule_may_do_nothing(cluster: TlsKafka) -> None:
    stranger = cluster.broker("stranger")

    assert [topic for topic in TOPICS if await may_write(stranger, topic)] == []
    assert not await may_read(stranger, "stranger", "identity.events")
