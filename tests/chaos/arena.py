"""Where scenarios take place: real servers in a temporary folder, desks on them, and the end of each history."""

import asyncio
import os
import signal
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, nullcontext
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from uuid_utils.compat import uuid7

from deploy import keys as key_files
from deploy.embedded.children import Child
from deploy.embedded.kafka import Cluster, Kafka, cluster_id
from deploy.embedded.ports import free_ports
from deploy.embedded.postgres import Postgres
from tests.chaos.history import Effect, History, Verdict, judge
from tests.chaos.lives import Alive
from tests.chaos.proxy import Proxy
from tests.chaos.table import Row
from tests.kit import Databases, eventually
from tests.shared.desk import EFFECTS, Desk, open_desk
from tests.shared.dying import Life

REST_SECONDS = 90.0
"""How long a scenario may take to come to rest after its last fault before it is judged as it stands."""

Say = Callable[[str], None]
Scenario = Callable[["Arena", int], Awaitable[Row | Sequence[Row]]]
Scenarios = Sequence[tuple[str, Scenario]]
"""By their names; each is given the arena and how many trials of each kind are wanted."""


class Arena:
    """Servers that are only used are shared by scenarios; those that are broken belong to one. All end with it."""

    def __init__(self, folder: Path, stack: AsyncExitStack, say: Say) -> None:
        self.folder, self.keys, self.say = folder, folder / "keys", say
        self._stack = stack
        self._shared: dict[str, Any] = {}

    @classmethod
    @asynccontextmanager
    async def opened(cls, say: Say = print, kept: Path | None = None) -> AsyncIterator["Arena"]:
        """In a folder that goes with it, unless one is named that is `kept`, with all logs."""
        with nullcontext(str(kept)) if kept else tempfile.TemporaryDirectory(prefix="kabinet-chaos-") as name:
            async with AsyncExitStack() as stack:
                arena = cls(Path(name), stack, say)
                key_files.make(arena.keys)
                yield arena

    async def postgres(self) -> Postgres:
        if "postgres" not in self._shared:
            self._shared["postgres"] = await self._stack.enter_async_context(self.own_postgres())
        return self._shared["postgres"]  # type: ignore[no-any-return]

    async def kafka(self) -> Kafka:
        if "kafka" not in self._shared:
            self._shared["kafka"] = await self._stack.enter_async_context(self.own_kafka())
        return self._shared["kafka"]  # type: ignore[no-any-return]

    @asynccontextmanager
    async def own_postgres(self) -> AsyncIterator[Postgres]:
        # Processes die here, the machine does not: what was written is there without fsync.
        server = Postgres(self._place("postgres"), options={"max_connections": "300", "fsync": "off"})
        await server.start()
        try:
            yield server
        finally:
            await _end(server.child)

    @asynccontextmanager
    async def own_kafka(self) -> AsyncIterator[Kafka]:
        async with self._broker(Kafka(self._place("kafka"), say=self.say)) as server:
            yield server

    @asynccontextmanager
    async def kafka_behind_a_proxy(self) -> AsyncIterator[tuple[Kafka, Proxy]]:
        """Clients reach the broker through the proxy alone, the first time and ever after."""
        port, advertised = free_ports(2)
        proxy = Proxy(port, advertised)
        await proxy.start()
        try:
            server = Kafka(self._place("kafka"), port, say=self.say, advertised_port=advertised)
            async with self._broker(server):
                yield server, proxy
        finally:
            await proxy.stop()

    @asynccontextmanager
    async def three_brokers(self) -> AsyncIterator[list[Kafka]]:
        """One cluster; replication 3, at least 2 in sync."""
        cluster = Cluster(cluster_id(), dict(zip((1, 2, 3), free_ports(3), strict=True)))
        brokers = [
            Kafka(self._place(f"kafka-{node}"), say=self.say, node=node, cluster=cluster)
            for node in cluster.controllers
        ]
        try:
            await asyncio.gather(*(broker.start() for broker in brokers))
            yield brokers
        finally:
            await asyncio.gather(*(_end(broker.child) for broker in brokers))

    @asynccontextmanager
    async def desk(
        self, postgres: Postgres, kafka: str, partitions: int = 4, replication: int = 1, **configuration: str
    ) -> AsyncIterator[Desk]:
        """A desk with an empty database and a topic of its own, whose effects tell when they came."""
        databases = self._shared.setdefault(postgres.url, Databases(postgres.url))
        url = await databases.migrated("verification")  # for the kernel's tables; its own stay unused
        name = f"desk-{uuid7().hex[-12:]}"
        desk = await open_desk(name, url, self.keys, kafka, partitions)
        try:
            connection = await desk.database.connect()
            await connection.execute(EFFECTS)
            await connection.execute("ALTER TABLE effects ADD COLUMN at timestamptz DEFAULT clock_timestamp()")
            await connection.close()
            await make_topic(kafka, desk.topic, partitions, replication, configuration)
            yield desk
        finally:
            await desk.database.close()

    def life(self, desk: Desk, history: History, **what: Any) -> Alive:
        """A process of the desk that begins now; its log lies beside those of its kind."""
        life = Life.of(desk, self.keys, **{"member": "member-0", **what})
        return Alive(life, self.folder / f"{desk.name}.{'+'.join(life.parts)}.log", history)

    def _place(self, kind: str) -> Path:
        return self.folder / f"{kind}-{uuid7().hex[-6:]}"

    @asynccontextmanager
    async def _broker(self, server: Kafka) -> AsyncIterator[Kafka]:
        try:
            await server.start()
            yield server
        finally:
            await _end(server.child)


async def _end(child: Child) -> None:
    """What lies in a temporary folder need not be closed well; one that is stopped could not even be asked."""
    kill(child)
    await child.stop()


def kill(child: Child, number: signal.Signals = signal.SIGKILL) -> None:
    if child.running and child.pid is not None:
        os.kill(child.pid, number)


async def ended(child: Child) -> None:
    async def over() -> bool:
        return not child.running

    await eventually(over, 30)


async def make_topic(kafka: str, name: str, partitions: int, replication: int, configuration: dict[str, str]) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    try:
        wanted = {key.replace("_", "."): value for key, value in configuration.items()}
        await admin.create_topics([NewTopic(name, partitions, replication, topic_configs=wanted)])

        async def led() -> bool:
            parts = (await admin.describe_topics([name]))[0]["partitions"]
            return len(parts) == partitions and all(part["leader"] >= 0 for part in parts)

        await eventually(led, 30)
    finally:
        await admin.close()


async def behind(desk: Desk) -> int:
    """How many records of the topic lie after the offsets that the group has committed."""
    consumer = AIOKafkaConsumer(bootstrap_servers=desk.kafka, group_id=desk.name, enable_auto_commit=False)
    await asyncio.wait_for(consumer.start(), 10)
    try:
        partitions = [TopicPartition(desk.topic, number) for number in range(desk.partitions)]
        ends = await asyncio.wait_for(consumer.end_offsets(partitions), 10)
        done = [await asyncio.wait_for(consumer.committed(at), 10) or 0 for at in partitions]
        return int(sum(ends.values()) - sum(done))
    finally:
        await consumer.stop()


UNDONE = """
    SELECT (SELECT count(*) FROM outbox WHERE sent_at IS NULL) AS unsent,
           (SELECT count(*) FROM dead_letters WHERE resolved_at IS NULL) AS letters
"""


async def at_rest(desk: Desk, unsent: int = 0, letters: int = 0, seconds: float = REST_SECONDS) -> Sequence[str]:
    """Wait until nothing moves any more: all sent, all read, so many wait. What is left, in words."""
    deadline = time.monotonic() + seconds
    while True:
        waits = (await desk.rows(UNDONE))[0]
        if waits == (unsent, letters) and await behind(desk) == 0:
            return ()
        if time.monotonic() > deadline:
            left = f"{waits[0]} rows are unsent, {waits[1]} letters wait, {await behind(desk)} records are unread"
            return [f"after {seconds:.0f} s {left}"]
        await asyncio.sleep(0.1)


async def markers(desk: Desk) -> Sequence[tuple[Any, ...]]:
    """Markers of deliveries that nobody will ever meet again."""
    return await desk.rows("SELECT topic, partition, position, alone, tries FROM deliveries ORDER BY 2, 3")


async def effects(desk: Desk) -> list[Effect]:
    query = "SELECT event_id::text, name, extract(epoch FROM at)::float8 FROM effects ORDER BY id"
    return [Effect(id, name, at) for id, name, at in await desk.rows(query)]


async def judged(desk: Desk, history: History) -> Verdict:
    return judge(history, await effects(desk))


async def letters(desk: Desk) -> int:
    """Dead letters that nobody provoked: poison has keys of its own."""
    return int(await desk.value("SELECT count(*) FROM dead_letters WHERE key NOT LIKE 'poison%'"))
