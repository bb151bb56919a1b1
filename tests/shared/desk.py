"""A service that exists only in a test: a database of its own, a topic of its own, one event, a table of effects."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import GroupCoordinatorNotAvailableError
from pydantic import SecretStr
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from shared.broker import Broker
from shared.consumer import Consumer
from shared.database import Database
from shared.delivering import Reader
from shared.events import Event, encode
from shared.inbox import Heard, hearing
from shared.keys import PublicKeys
from shared.outbox import publish
from shared.relay import Relay
from shared.settings import ServiceSettings
from tests.kit import eventually

Headers = list[tuple[str, bytes]]


class Noted(Event):
    """What the desk says. Each desk has a subclass, with a type and a topic of its own."""

    keyed_by = "name"

    name: str
    n: int
    text: str = ""


class Crossed(Event):
    """Discards what waits under its key."""

    keyed_by = "name"

    name: str


class DeskSettings(ServiceSettings):
    service: ClassVar[str] = "desk"
    http_port: int = 8009


class DeskDatabase(Database):
    """The database of one desk; `service` is its group and the owner of its topic."""

    def __init__(self, name: str, url: str, keys: Path) -> None:
        settings = DeskSettings(
            database_url=SecretStr(url),
            kafka_bootstrap_servers="",
            public_keys_file=keys / "public.jwks.json",
            private_keys_file=keys / "identity.private.jwks.json",
        )
        super().__init__(settings, PublicKeys(settings.public_keys_file))
        self.service = name


async def remember(session: AsyncSession, event: Noted, _wired: Any) -> None:
    """The reaction of most tests: one row per effect, in the order in which they came."""
    effect = text("INSERT INTO effects (name, n, event_id) VALUES (:name, :n, :event_id)")
    await session.execute(effect, {"name": event.name, "n": event.n, "event_id": event.id})


@dataclass
class Desk:
    name: str
    kafka: str
    database: Database
    noted: type[Noted]
    crossed: type[Crossed]
    partitions: int

    @property
    def topic(self) -> str:
        return self.noted.topic

    async def say(self, *said: tuple[str, int], text: str = "") -> None:
        """Write them into the outbox, in one transaction."""
        async with self.database.transaction() as session:
            for name, n in said:
                publish(session, self.noted(name=name, n=n, text=text))

    async def unsent(self) -> int:
        return int(await self.value("SELECT count(*) FROM outbox WHERE sent_at IS NULL"))

    async def value(self, sql: str, **parameters: Any) -> Any:
        async with self.database.transaction() as session:
            return (await session.execute(text(sql), parameters)).scalar()

    async def rows(self, sql: str, **parameters: Any) -> list[tuple[Any, ...]]:
        async with self.database.transaction() as session:
            return [tuple(row) for row in (await session.execute(text(sql), parameters)).all()]

    async def effects(self) -> list[tuple[str, int]]:
        return [(name, n) for name, n in await self.rows("SELECT name, n FROM effects ORDER BY id")]

    async def had(self, *expected: tuple[str, int], seconds: float = 15) -> None:
        """Wait until there are that many effects; they must be these, whatever their order over keys."""

        async def enough() -> bool:
            return len(await self.effects()) >= len(expected)

        await eventually(enough, seconds)
        assert sorted(await self.effects()) == sorted(expected)

    def relay(self, stop: asyncio.Event) -> Relay:
        return Relay(self.database, Broker(self.kafka), stop)

    def reader(self, *heard: Heard, wired: Any = None, tries: int = 3) -> Reader:
        return Reader(self.database, hearing(heard or [Heard(self.noted, remember)]), wired, tries)

    @asynccontextmanager
    async def running(self, make: Callable[[asyncio.Event], Any]) -> AsyncIterator[Any]:
        """A relay or a consumer that runs meanwhile; `make` gets the event that stops it."""
        stop = asyncio.Event()
        part = make(stop)
        task = asyncio.create_task(part.run())
        try:
            yield part
        finally:
            stop.set()
            _done, lingering = await asyncio.wait([task], timeout=10)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            assert not lingering, "did not stop within 10 s"
        task.result()

    def relaying(self) -> Any:
        return self.running(self.relay)

    def consuming(self, *heard: Heard, wired: Any = None, tries: int = 3) -> Any:
        reader = self.reader(*heard, wired=wired, tries=tries)
        return self.running(lambda stop: Consumer(reader, Broker(self.kafka), stop))

    async def send(self, *records: tuple[str | None, bytes | None, Any], topic: str | None = None) -> None:
        """Records (key, value, headers) as a stranger's producer may write them."""
        async with producing(self.kafka) as producer:
            for key, value, headers in records:
                at = topic or self.topic
                await producer.send_and_wait(at, value, key=None if key is None else key.encode(), headers=headers)

    async def send_noted(self, *said: tuple[str, int]) -> None:
        """Straight to Kafka, past the outbox."""
        await self.send(*(record(self.noted(name=name, n=n)) for name, n in said))

    async def sent(self, count: int, seconds: float = 15) -> list[tuple[str, int]]:
        """All that is in the topic, partition by partition, once there are `count` records or more."""
        consumer = AIOKafkaConsumer(bootstrap_servers=self.kafka, auto_offset_reset="earliest")
        await consumer.start()
        try:
            partitions = [TopicPartition(self.topic, number) for number in range(self.partitions)]
            consumer.assign(partitions)
            found: dict[TopicPartition, list[tuple[str, int]]] = {at: [] for at in partitions}

            async def enough() -> bool:
                for at, records in (await consumer.getmany(timeout_ms=100)).items():
                    for one in records:
                        data = json.loads(one.value)
                        found[at].append((data["name"], data["n"]))
                ends = await consumer.end_offsets(partitions)
                return bool(sum(map(len, found.values())) >= max(count, sum(ends.values())))

            await eventually(enough, seconds)
            return [one for at in partitions for one in found[at]]
        finally:
            await consumer.stop()

    async def committed(self) -> int:
        """How many records the group has behind it, over all partitions."""
        admin = AIOKafkaAdminClient(bootstrap_servers=self.kafka)
        await admin.start()
        try:
            offsets = await admin.list_consumer_group_offsets(self.name)
        except GroupCoordinatorNotAvailableError:  # the broker's first group: its topic is being made
            return 0
        else:
            return sum(entry.offset for entry in offsets.values() if entry.offset > 0)
        finally:
            await admin.close()


def record(event: Event, sealed: str | None = None) -> tuple[str, bytes, Headers]:
    """The event as it goes on the wire."""
    headers, value = encode(event, sealed)
    return event.key, value, [(name, content.encode()) for name, content in headers.items()]


@asynccontextmanager
async def producing(kafka: str) -> AsyncIterator[AIOKafkaProducer]:
    producer = AIOKafkaProducer(bootstrap_servers=kafka, acks="all", enable_idempotence=True, max_request_size=1 << 20)
    await producer.start()
    try:
        yield producer
    finally:
        await producer.stop()


async def make_topic(kafka: str, name: str, partitions: int = 4, **configuration: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    try:
        wanted = {key.replace("_", "."): value for key, value in configuration.items()}
        await admin.create_topics([NewTopic(name, partitions, 1, topic_configs=wanted)])

        async def led() -> bool:
            described = await admin.describe_topics([name])
            return all(one["leader"] >= 0 for topic in described for one in topic["partitions"]) and bool(
                described[0]["partitions"]
            )

        await eventually(led)
    finally:
        await admin.close()


def events_of(name: str) -> tuple[type[Noted], type[Crossed]]:
    """The event classes of one desk, registered under types that nobody else has."""
    topic = f"{name}.events"
    noted = type("DeskNoted", (Noted,), {"type": f"{name}.noted.v1", "topic": topic, "__module__": __name__})
    crossed = type("DeskCrossed", (Crossed,), {"type": f"{name}.crossed.v1", "topic": topic, "__module__": __name__})
    return noted, crossed


async def open_desk(name: str, url: str, keys: Path, kafka: str, partitions: int = 4) -> Desk:
    """`EFFECTS` must be there; the topic too, where `kafka` names a broker."""
    return Desk(name, kafka, DeskDatabase(name, url, keys), *events_of(name), partitions)


EFFECTS = "CREATE TABLE effects (id bigint GENERATED ALWAYS AS IDENTITY, name text, n integer, event_id uuid)"
