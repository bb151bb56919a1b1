"""PostgreSQL, Redis and Kafka of the embedded set, each alone."""

import asyncio
from pathlib import Path

import asyncpg
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from redis.asyncio import Redis as RedisClient

from deploy.embedded import postgres, servers, topics
from deploy.embedded.children import CannotStart
from deploy.embedded.environment import Secrets
from deploy.embedded.kafka import Kafka, cluster_id
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


async def test_first_that_cannot_start_is_what_the_caller_gets_and_ends_the_others() -> None:
    ended: list[str] = []

    async def fails() -> None:
        raise CannotStart("no network")

    async def waits() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("waits")

    with pytest.raises(CannotStart, match=r"^no network$"):
        await servers.together(waits(), servers.together(fails(), waits()))

    assert ended == ["waits", "waits"]


async def test_defect_among_those_that_start_together_keeps_its_own_kind() -> None:
    async def fails() -> None:
        raise KeyError("a defect")

    with pytest.raises(ExceptionGroup) as caught:
        await servers.together(fails())

    assert caught.group_contains(KeyError)


@pytest.mark.parametrize("url", ["nonsense", "redis://127.0.0.1:1", "redis://127.0.0.1:many", "redis://127.0.0.1:1/3"])
async def test_redis_url_that_is_of_no_use_is_one_line_that_names_the_variable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setenv(servers.REDIS_URL, url)

    with pytest.raises(CannotStart, match=r"^.*KABINET_REDIS_URL .*redis://:password@host:port.*$") as caught:
        await servers.redis(tmp_path, 1, lambda part: None)

    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("url", ["nonsense", "postgresql://a:b@127.0.0.1:1/postgres", "postgresql://a@127.0.0.1:x/y"])
async def test_postgres_url_that_is_of_no_use_is_one_line_that_names_the_variable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setenv(servers.POSTGRES_URL, url)

    with pytest.raises(CannotStart, match=r"^.*KABINET_POSTGRES_URL .*postgresql://superuser:.*$") as caught:
        await servers.postgres(tmp_path, 1, Secrets({"identity": "x"}, "x"), lambda part: None)

    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("address", ["127.0.0.1:1", "127.0.0.1:many"])
async def test_broker_that_is_of_no_use_is_one_line_that_names_the_variable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    monkeypatch.setenv(servers.KAFKA, address)

    with pytest.raises(CannotStart, match=r"^.*KABINET_KAFKA .*host:port.*$") as caught:
        await servers.kafka(tmp_path, 1, 2, lambda part: None, print)

    assert "\n" not in str(caught.value)


def test_cluster_id_is_never_taken_for_an_option() -> None:
    made = {cluster_id() for _ in range(1000)}

    assert {(len(one), one.startswith("-")) for one in made} == {(22, False)}
    assert len(made) == 1000
