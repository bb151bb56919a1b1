"""The consumer on real Kafka and PostgreSQL: effects once and in order, offsets after them, outages waited for."""

import asyncio
import time
from typing import Any

from aiokafka.partitioner import DefaultPartitioner
from aiokafka.protocol.produce import ProduceRequest
from aiokafka.record import default_records
from sqlalchemy.ext.asyncio import AsyncSession

from shared import context, metrics
from shared.broker import Broker
from shared.consumer import SESSION_SECONDS, Consumer
from shared.delivering import Reader
from shared.events import header, identity_of
from shared.inbox import Heard
from shared.outbox import publish
from shared.refusals import Transient
from tests.kit import eventually
from tests.shared.desk import Desk, Noted, producing, record, remember


async def test_every_event_has_its_effect_once_and_in_order_per_key(desk: Desk) -> None:
    said = [(f"key-{n % 7}", n) for n in range(2000)]
    await desk.send_noted(*said)

    async with desk.consuming():
        await desk.had(*said)

    effects = await desk.effects()
    for key in {name for name, _ in said}:
        assert [n for name, n in effects if name == key] == [n for name, n in said if name == key]


async def test_event_that_comes_again_has_no_second_effect(desk: Desk) -> None:
    first, last = desk.noted(name="a", n=1), desk.noted(name="a", n=2)
    await desk.send(record(first), record(first), record(last), record(first))

    async with desk.consuming():
        await desk.had(("a", 1), ("a", 2))
        await eventually(lambda: committed(desk, 4))

    assert await desk.effects() == [("a", 1), ("a", 2)]


async def test_offset_follows_the_effect(desk: Desk) -> None:
    """A crash between both repeats the batch: here the offset is never committed, and the next member reads again."""
    await desk.send_noted(("a", 1), ("b", 2))
    reader = desk.reader()

    class Crashing(Consumer):
        async def _commit(self, *_: Any) -> None:
            raise TimeoutError

    async with desk.running(lambda stop: Crashing(reader, Broker(desk.kafka), stop)):
        await desk.had(("a", 1), ("b", 2))
    assert await desk.committed() == 0

    async with desk.consuming():
        await eventually(lambda: committed(desk, 2))
    assert sorted(await desk.effects()) == [("a", 1), ("b", 2)]


async def test_type_that_is_not_listed_is_ignored_and_counted(desk: Desk) -> None:
    before = metrics.ignored.labels(desk.topic)._value.get()
    await desk.send(record(desk.crossed(name="a")), record(desk.noted(name="a", n=1)))

    async with desk.consuming():
        await desk.had(("a", 1))

    assert metrics.ignored.labels(desk.topic)._value.get() == before + 1
    assert await desk.value("SELECT count(*) FROM dead_letters") == 0


async def test_transient_failure_pauses_and_goes_on_without_a_dead_letter(desk: Desk) -> None:
    away, tries = True, 0

    async def react(session: AsyncSession, event: Noted, wired: object) -> None:
        nonlocal tries
        tries += 1
        if away:
            raise Transient
        await remember(session, event, wired)

    await desk.send_noted(*(("a", n) for n in range(50)))
    async with desk.consuming(Heard(desk.noted, react)):

        async def tried() -> bool:
            return tries >= 3

        await eventually(tried)
        await desk.send_noted(*(("a", n) for n in range(50, 60)))
        assert await desk.effects() == []
        away = False
        await desk.had(*(("a", n) for n in range(60)))

    assert await desk.effects() == [("a", n) for n in range(60)]
    assert await desk.value("SELECT count(*) FROM dead_letters") == 0
    assert await desk.value("SELECT count(*) FROM deliveries") == 0


async def test_lost_database_is_waited_for(desk: Desk) -> None:
    """Every connection ended, again and again, while records are handled: no effect lost or doubled, no letter."""
    said = [(f"key-{n % 5}", n) for n in range(600)]
    await desk.send_noted(*said)
    ends = (
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    killer = await desk.database.connect()
    reader = desk.reader()

    async with desk.running(lambda stop: Consumer(reader, Broker(desk.kafka), stop, batch_records=20)):
        for blow in range(10):

            async def more(blow: int = blow) -> bool:
                return bool(await killer.fetchval("SELECT count(*) > $1 FROM effects", blow * 20))

            await eventually(more, 20)
            await killer.execute(ends)
        await killer.close()
        await desk.had(*said, seconds=30)

    assert await desk.value("SELECT count(*) FROM dead_letters") == 0


async def test_batch_reaction_gets_neighbours_of_its_class_at_once(desk: Desk) -> None:
    batches: list[int] = []

    async def react(session: AsyncSession, events: list[Noted], wired: object) -> None:
        batches.append(len(events))
        for event in events:
            await remember(session, event, wired)

    said = [("a", n) for n in range(100)]
    await desk.send_noted(*said)
    async with desk.consuming(Heard(desk.noted, react, batch=True)):
        await desk.had(*said)

    assert sum(batches) == 100
    assert len(batches) < 20


async def test_copies_without_an_inbox_absorb_repeats_by_themselves(desk: Desk) -> None:
    event = desk.noted(name="a", n=1)
    seen = 0

    async def react(_session: AsyncSession, _event: Noted, _wired: object) -> None:
        nonlocal seen
        seen += 1

    await desk.send(record(event), record(event))
    async with desk.consuming(Heard(desk.noted, react, inbox=False)):
        await eventually(lambda: committed(desk, 2))

    assert seen == 2
    assert await desk.value("SELECT count(*) FROM inbox") == 0


async def test_two_members_share_the_topic_and_lose_nothing_when_one_goes(desk: Desk) -> None:
    said = [(f"key-{n % 11}", n) for n in range(1500)]
    reader = desk.reader()
    async with desk.running(lambda stop: Consumer(reader, Broker(desk.kafka), stop, batch_records=10)):
        await desk.send_noted(*said[:500])
        async with desk.running(lambda stop: Consumer(reader, Broker(desk.kafka), stop, batch_records=10)):
            await desk.send_noted(*said[500:1000])
        await desk.send_noted(*said[1000:])
        await desk.had(*said, seconds=30)

    effects = await desk.effects()
    for key in {name for name, _ in said}:
        assert [n for name, n in effects if name == key] == [n for name, n in said if name == key]


async def test_consumer_stops_in_time_without_its_broker(desk: Desk) -> None:
    reader = desk.reader()

    async with desk.running(lambda stop: Consumer(reader, Broker("127.0.0.1:1"), stop)) as consumer:
        assert not consumer.connected


async def test_consumer_of_nothing_waits_to_be_stopped(desk: Desk) -> None:
    stop = asyncio.Event()
    running = asyncio.create_task(Consumer(Reader(desk.database, {}, None), Broker(desk.kafka), stop).run())
    done, _ = await asyncio.wait([running], timeout=0.2)
    assert not done

    stop.set()
    await asyncio.wait_for(running, 5)


async def test_partition_whose_retry_cannot_commit_is_read_again(desk: Desk) -> None:
    """The retry runs beside the loop that polls: its failure must not leave the partition paused for ever."""
    failures = 2

    async def react(session: AsyncSession, event: Noted, wired: object) -> None:
        nonlocal failures
        if failures:
            failures -= 1
            raise Transient
        await remember(session, event, wired)

    class Failing(Consumer):
        broken = True

        async def _commit(self, *arguments: Any) -> None:
            if arguments[1] and self.broken:
                self.broken = False
                raise TimeoutError
            await super()._commit(*arguments)

    await desk.send_noted(("a", 1))
    reader = desk.reader(Heard(desk.noted, react))
    async with desk.running(lambda stop: Failing(reader, Broker(desk.kafka), stop)):
        await desk.had(("a", 1))
        await desk.send_noted(("a", 2))
        await desk.had(("a", 1), ("a", 2))


async def test_what_a_reaction_says_belongs_to_the_trace_of_its_event(desk: Desk) -> None:
    async def answer(session: AsyncSession, event: Noted, _wired: object) -> None:
        publish(session, desk.crossed(name=event.name))

    trace = "00-0123456789abcdef0123456789abcdef-0123456789abcdef-01"
    context.traceparent.set(trace)
    await desk.say(("a", 1))
    context.traceparent.set(None)
    async with desk.relaying(), desk.consuming(Heard(desk.noted, answer)):
        await eventually(lambda: has_said(desk, 2))

    found = await desk.rows("SELECT headers->>'ce_traceparent' FROM outbox ORDER BY id")
    assert found == [(trace,), (trace,)]


async def committed(desk: Desk, count: int) -> bool:
    return await desk.committed() == count


async def has_said(desk: Desk, count: int) -> bool:
    return bool(await desk.value("SELECT count(*) FROM outbox") == count)


def test_identity_of_another_system_needs_its_source() -> None:
    ours = {"ce_id": b"not-a-uuid", "ce_source": b"/billing/a"}
    other = {"ce_id": b"not-a-uuid", "ce_source": b"/billing/b"}

    assert identity_of(ours, "t/0/1") == identity_of(ours, "t/0/2")
    assert identity_of(ours, "") != identity_of(other, "")
    assert identity_of({}, "t/0/1") != identity_of({}, "t/0/2")
    assert header({"x": None}, "x") is None


async def test_parking_that_fails_holds_up_its_partition_and_ends_nothing(desk: Desk) -> None:
    """Whatever is wrong with the letters' table: the process lives, and the records wait in their topic."""

    async def fail(session: AsyncSession, event: Noted, wired: object) -> None:
        if event.name == "bad":
            raise ZeroDivisionError
        await remember(session, event, wired)

    for statement in (
        "CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no'; END $$",
        "CREATE TRIGGER no BEFORE INSERT ON dead_letters FOR EACH ROW EXECUTE FUNCTION no()",
    ):
        await execute(desk, statement)
    await desk.send_noted(("bad", 1), *((f"good-{n}", n) for n in range(20)))
    elsewhere = [(name, n) for name, n in ((f"good-{n}", n) for n in range(20)) if at(name) != at("bad")]

    async with desk.consuming(Heard(desk.noted, fail)):
        await desk.had(*elsewhere)
        await execute(desk, "DROP TRIGGER no ON dead_letters")
        await desk.had(*((f"good-{n}", n) for n in range(20)))
        await eventually(lambda: committed(desk, 21))

    assert await desk.rows("SELECT key, cause FROM dead_letters") == [("bad", "ZeroDivisionError")]


def at(key: str, partitions: int = 4) -> int:
    """The key's partition."""
    return int(DefaultPartitioner()(key.encode(), list(range(partitions)), ()))


async def execute(desk: Desk, statement: str) -> None:
    connection = await desk.database.connect()
    await connection.execute(statement)
    await connection.close()


class NotText(str):
    """A header's name whose bytes are no UTF-8; Kafka and its clients in Java take any."""

    def encode(self, *_: Any, **__: Any) -> bytes:
        return b"x\xff"


async def test_header_name_that_is_no_text_is_no_obstacle(desk: Desk) -> None:
    """In the middle of a batch, so that what is before and behind it comes too, once and in order."""
    batch = default_records._DefaultRecordBatchBuilderPy(2, 0, 0, -1, -1, -1, 1 << 16)
    for position, more in enumerate(([], [(NotText("x"), b"1")], [])):
        key, value, headers = record(desk.noted(name="a", n=position))
        assert batch.append(position, int(time.time() * 1000), key.encode(), value, [*headers, *more])

    await send_bytes(desk, at("a"), bytes(batch.build()))

    async with desk.consuming():
        await desk.had(("a", 0), ("a", 1), ("a", 2))
    assert await desk.effects() == [("a", 0), ("a", 1), ("a", 2)]


async def send_bytes(desk: Desk, partition: int, batch: bytes) -> None:
    """A record batch as it is on the wire, which aiokafka's producer would not write."""
    async with producing(desk.kafka) as producer:
        await producer.partitions_for(desk.topic)
        leader = next(iter(producer.client.cluster.brokers())).nodeId
        answer = await producer.client.send(
            leader, ProduceRequest(None, -1, 5000, [(desk.topic, [(partition, batch)])])
        )
        assert answer.topics[0][1][0][1] == 0


async def test_member_with_a_name_gets_its_partitions_back_at_once_after_a_death(desk: Desk) -> None:
    reader = desk.reader()
    await desk.send_noted(("a", 1))

    def named(stop: asyncio.Event) -> Consumer:
        return Consumer(reader, Broker(desk.kafka), stop, member="desk-1")

    consumer = named(asyncio.Event())
    dying = asyncio.create_task(consumer.run())
    await desk.had(("a", 1))
    dying.cancel()  # it does not leave its group, as one that is killed
    await asyncio.gather(dying, return_exceptions=True)
    await desk.send_noted(("a", 2))

    async with desk.running(named):
        await desk.had(("a", 1), ("a", 2), seconds=SESSION_SECONDS / 2)


async def test_member_with_a_name_that_is_asked_to_stop_hands_over_at_once(desk: Desk) -> None:
    reader = desk.reader()
    async with desk.running(lambda stop: Consumer(reader, Broker(desk.kafka), stop, member="desk-1")):
        await desk.send_noted(("a", 1))
        await desk.had(("a", 1))
    await desk.send_noted(("a", 2))

    async with desk.running(lambda stop: Consumer(reader, Broker(desk.kafka), stop, member="desk-2")):
        await desk.had(("a", 1), ("a", 2), seconds=SESSION_SECONDS / 2)
