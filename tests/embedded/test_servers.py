"""PostgreSQL, Redis and Kafka of the embedded set, each alone."""

import asyncio
import os
import signal
from pathlib import Path

import asyncpg
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from redis.asyncio import Redis as RedisClient

from deploy.embedded import postgres, servers, topics
from deploy.embedded.children import CannotStart
from deploy.embedded.environment import Secrets
from deploy.embedded.kafka import Cluster, Kafka, cluster_id
from deploy.embedded.ports import free_ports
from deploy.embedded.postgres import Postgres
from deploy.embedded.redis import Redis
from tests.chaos.proxy import Proxy


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


async def test_clients_are_sent_to_the_port_that_kafka_advertises(tmp_path: Path) -> None:
    """One whose port is not its own: what stands in between is asked for every further connection."""
    port, between = free_ports(2)
    server = Kafka(tmp_path, port, advertised_port=between)
    proxy = Proxy(port, between)
    await proxy.start()
    await server.start()

    admin = AIOKafkaAdminClient(bootstrap_servers=f"127.0.0.1:{port}")
    await admin.start()
    brokers = (await admin.describe_cluster())["brokers"]

    assert [(broker["host"], broker["port"]) for broker in brokers] == [("127.0.0.1", between)]
    await admin.close()
    await server.stop()
    await proxy.stop()


async def test_three_brokers_are_one_cluster_that_bears_the_loss_of_one(tmp_path: Path) -> None:
    cluster = Cluster(cluster_id(), dict(zip((1, 2, 3), free_ports(3), strict=True)))
    brokers = [Kafka(tmp_path / str(node), node=node, cluster=cluster) for node in cluster.controllers]
    await asyncio.gather(*(broker.start() for broker in brokers))
    everyone = ",".join(broker.bootstrap for broker in brokers)
    await topics.create(everyone, topics.read()[:1], replication=cluster.replication)
    name = topics.read()[0].name
    async with AIOKafkaProducer(bootstrap_servers=everyone, acks="all", enable_idempotence=True) as producer:
        for number in range(30):
            await producer.send_and_wait(name, b"%d" % number, key=b"%d" % number)
        assert brokers[0].child.pid
        os.kill(brokers[0].child.pid, signal.SIGKILL)
        for number in range(30, 60):
            await asyncio.wait_for(producer.send_and_wait(name, b"%d" % number, key=b"%d" % number), 60)

    rest = ",".join(broker.bootstrap for broker in brokers[1:])
    async with AIOKafkaConsumer(name, bootstrap_servers=rest, auto_offset_reset="earliest") as consumer:
        found = {(await asyncio.wait_for(consumer.getone(), 30)).value for _ in range(60)}
    assert found == {b"%d" % number for number in range(60)}
    await asyncio.gather(*(broker.stop() for broker in brokers))


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
