"""PostgreSQL, Redis and Kafka of the embedded set, each alone."""

from pathlib import Path

import asyncpg
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from redis.asyncio import Redis as RedisClient

from deploy.embedded import postgres, topics
from deploy.embedded.children import CannotStart
from deploy.embedded.kafka import Kafka
from deploy.embedded.postgres import Postgres
from deploy.embedded.redis import Redis


async def test_postgres_keeps_rows_over_a_restart(tmp_path: Path) -> None:
    server = Postgres(tmp_path / "a folder")
    await server.start()
    connection = await asyncpg.connect(server.url)
    await connection.execute("CREATE TABLE kept AS SELECT 'Кабинет' AS word")
    await connection.close()

    await server.stop()
    await server.start()

    connection = await asyncpg.connect(server.url)
    assert await connection.fetchval("SELECT word FROM kept") == "Кабинет"
    assert int(await connection.fetchval("SHOW server_version_num")) >= 180000
    await connection.close()
    await server.stop()
    assert server.child.ending == "exit 0"


async def test_postgres_refuses_a_wrong_password(tmp_path: Path) -> None:
    server = Postgres(tmp_path)
    await server.start()

    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(server.url, password="guessed")

    await server.stop()


async def test_missing_binaries_name_the_variable_for_a_server_of_ones_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres, "find_spec", lambda name: None)

    with pytest.raises(CannotStart, match="KABINET_POSTGRES_URL"):
        await Postgres(tmp_path).start()


async def test_redis_keeps_values_over_a_restart(tmp_path: Path) -> None:
    server = Redis(tmp_path / "a folder")
    await server.start()
    async with RedisClient.from_url(f"{server.url}/0", decode_responses=True) as client:
        await client.set("kept", "yes")

    await server.stop()
    await server.start()

    async with RedisClient.from_url(f"{server.url}/0", decode_responses=True) as client:
        assert await client.get("kept") == "yes"
    await server.stop()


async def test_kafka_keeps_topics_and_records_over_a_restart(tmp_path: Path) -> None:
    server = Kafka(tmp_path / "a folder")
    await server.start()
    wanted = topics.read()
    await topics.create(server.bootstrap, wanted)
    await topics.create(server.bootstrap, wanted)
    async with AIOKafkaProducer(bootstrap_servers=server.bootstrap, enable_idempotence=True) as producer:
        await producer.send_and_wait("identity.events", b"kept", key=b"user")

    await server.stop()
    await server.start()

    async with AIOKafkaConsumer(
        "identity.events", bootstrap_servers=server.bootstrap, auto_offset_reset="earliest"
    ) as consumer:
        assert len(consumer.partitions_for_topic("identity.events") or ()) == 12
        assert (await consumer.getone()).value == b"kept"
    await server.stop()
