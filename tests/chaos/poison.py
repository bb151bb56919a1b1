"""Records that cannot be handled, of every kind: only their keys wait, everything else goes on within 5 s."""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import count
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import for_code
from aiokafka.partitioner import DefaultPartitioner
from aiokafka.protocol.produce import ProduceRequest
from aiokafka.record import default_records
from sqlalchemy import text

from shared import dead_letters
from shared.inbox import Heard, hearing
from shared.outbox import publish
from tests.chaos.arena import Arena, Scenarios, at_rest
from tests.chaos.history import Outcome
from tests.chaos.lives import exit_of
from tests.chaos.load import Load, constants, loaded
from tests.chaos.speaking import say
from tests.chaos.table import Row
from tests.kit import eventually
from tests.shared.desk import Desk, Headers, record
from tests.shared.dying import Life, react

NEXT_GOOD_SECONDS = 5.0
"""Promise 4, from the moment the poison is in the topic, above what a good record takes on this machine without it."""
DELIVERIES = 3
"""Of a record alone, before it is parked as one over which the process dies."""

Put = Callable[[Load, str], Awaitable[None]]


class NotText(str):
    """A header's name whose bytes are no UTF-8. Kafka takes any bytes; clients in Python write text alone."""

    __slots__ = ()

    def encode(self, *_: Any) -> bytes:
        return b"\xff\xfe"


async def malformed(load: Load, key: str) -> None:
    _, _, headers = record(load.desk.noted(name=key, n=0))
    await load.desk.send((key, b"{ no JSON", headers))


async def without_value(load: Load, key: str) -> None:
    _, _, headers = record(load.desk.noted(name=key, n=0))
    await load.desk.send((key, None, headers))


async def without_type(load: Load, key: str) -> None:
    _, value, headers = record(load.desk.noted(name=key, n=0))
    await load.desk.send((key, value, [(name, content) for name, content in headers if name != "ce_type"]))


async def higher_version(load: Load, key: str) -> None:
    _, value, headers = record(load.desk.noted(name=key, n=0))
    newer = [(name, content.replace(b".v1", b".v2") if name == "ce_type" else content) for name, content in headers]
    await load.desk.send((key, value, newer))


async def header_names_that_are_no_text(load: Load, key: str) -> None:
    """All that is ours in it is whole: it is read, as if the other name were not there."""
    event = load.desk.noted(name=key, n=0)
    load.history.invoke(str(event.id), key)
    _, value, headers = record(event)
    await send_raw(load.desk, key, value, [*headers, (NotText("x"), b"1")])
    load.history.end(str(event.id), Outcome.OK)


async def raising(load: Load, key: str) -> None:
    await say(load.desk, load.history, load.desk.noted(name=key, n=0, text="poison"))


async def killing(load: Load, key: str) -> None:
    await say(load.desk, load.history, load.desk.noted(name=key, n=0, text="kills"))


@dataclass(frozen=True)
class Kind:
    """`effect`: once mended and replayed it is an event like any other; else it is dropped, and what waited goes on.

    One that is not `parked` is poison to the client's library alone.
    """

    name: str
    put: Put
    effect: bool = False
    parked: bool = True
    lives: int = 1
    """Processes that it takes, each of which must first get as far as a good record does."""


KINDS = (
    Kind("malformed", malformed),
    Kind("no value", without_value),
    Kind("no type", without_type),
    Kind("higher version", higher_version),
    Kind("header name no UTF-8", header_names_that_are_no_text, parked=False),
    Kind("handler raises", raising, effect=True),
    Kind("handler kills", killing, effect=True, lives=DELIVERIES + 2),
)


@dataclass
class Trials:
    """One kind of poison under a load, again and again; the consumer is started again whenever it dies."""

    load: Load
    kind: Kind
    slowest_good: float = 0.0
    usual: float = 0.0
    """The slowest good record of three before the poison: a machine that is busy otherwise is no fault of ours."""
    broken: list[str] = field(default_factory=list)

    async def run(self, times: int) -> None:
        for n in range(3):
            self.usual = max(self.usual, await self._good(f"usual-{n}"))
        for n in range(times):
            key = f"poison-{n}"
            self.load.history.fault(self.kind.name)
            await self.kind.put(self.load, key)
            self.slowest_good = max(self.slowest_good, await self._good(self._neighbour(key)))
            await self._say(key, 1)
            if self.kind.parked:
                await eventually(partial(self._waiting, key, 2), 60)
        if self.slowest_good > NEXT_GOOD_SECONDS + self.usual * self.kind.lives:
            self.broken.append(f"the next good record took {self.slowest_good:.1f} s")

    async def mend(self, times: int) -> None:
        """The operator's part: replay, or drop, the first letter of each key, twice; what waits behind it follows."""
        if not self.kind.parked:
            return
        life = replace(Life.of(self.load.desk, self.load.arena.keys), mended=True)
        heard = hearing([Heard(self.load.desk.noted, react)])
        for n in range(times):
            letter = await self.load.desk.value(FIRST, key=f"poison-{n}")
            assert letter is not None, f"nothing waits under poison-{n}"
            for again in (False, True):
                try:
                    if self.kind.effect:
                        await dead_letters.replay(self.load.desk.database, letter, heard, life)
                    else:
                        await dead_letters.drop(self.load.desk.database, letter, "poison", heard, life)
                except dead_letters.NoSuchLetter:
                    assert again
                else:
                    assert not again, "a letter that was settled was there a second time"

    def _neighbour(self, key: str) -> str:
        """Another key of the same partition."""
        partition = self._partition(key)
        return next(name for number in count() if self._partition(name := f"good-{number}-{key}") == partition)

    def _partition(self, key: str) -> int:
        return partition_of(key, self.load.desk.partitions)

    async def _good(self, key: str) -> float:
        """The seconds until it had its effect."""
        begun = time.monotonic()
        event_id = await self._say(key, 0)

        async def had() -> bool:
            return bool(await self.load.desk.value("SELECT 1 FROM effects WHERE event_id::text = :id", id=event_id))

        await eventually(had, 120)
        return time.monotonic() - begun

    async def _say(self, key: str, n: int) -> str:
        event = self.load.desk.noted(name=key, n=n)
        assert await say(self.load.desk, self.load.history, event) is Outcome.OK
        return str(event.id)

    async def _waiting(self, key: str, letters: int) -> bool:
        waiting = "SELECT count(*) FROM dead_letters WHERE resolved_at IS NULL AND key = :key"
        return bool(await self.load.desk.value(waiting, key=key) == letters)


FIRST = "SELECT id FROM dead_letters WHERE resolved_at IS NULL AND key = :key ORDER BY number LIMIT 1"


async def of_kind(arena: Arena, times: int, kind: Kind) -> Row:
    async with loaded(arena, "relay", constants=constants(times)) as load:
        trials, deaths = Trials(load, kind), Counter[str]()
        keeping = asyncio.create_task(_kept_alive(load, deaths, constants(times)))
        try:
            async with load.speaking(pause=0.2):
                await load.warm()
                await trials.run(times)
                await trials.mend(times)
                load.history.heal()
                await load.flowing()
            left = await at_rest(load.desk)
        finally:
            keeping.cancel()
            await asyncio.gather(keeping, return_exceptions=True)
        if kind.name == "handler kills":
            trials.broken += _too_often(deaths, times)
        causes = await load.desk.rows("SELECT cause, count(*) FROM dead_letters GROUP BY 1 ORDER BY 1")
        told = ", ".join(f"{cause!r} {count}" for cause, count in causes)
        good = f"next good record <= {trials.slowest_good:.1f} s (without poison {trials.usual:.1f} s)"
        note = f"{good}; {deaths.total()} deaths; letters: {told}"
        return await load.row(f"poison: {kind.name}", times, notes=[note], broken=[*trials.broken, *left])


async def _kept_alive(load: Load, deaths: Counter[str], constants: Mapping[str, float]) -> None:
    """As a supervisor would: whatever ends the consumer, another one begins at once."""
    while True:
        one = load.start("consumer", parts=("consumer",), constants=constants)
        deaths[exit_of(await one.ended(float("inf")))] += 1


def _too_often(deaths: Counter[str], times: int) -> list[str]:
    """Once in its batch, three times alone."""
    most = times * (1 + DELIVERIES)
    return [f"{deaths.total()} deaths over {times} records"] if deaths.total() > most else []


async def too_large(arena: Arena, times: int) -> Row:
    """A row that got into the outbox somehow, larger than any broker takes: the relay sets it aside, its key waits."""
    async with loaded(arena, "relay", "consumer", constants=constants(times)) as load:
        slowest = 0.0
        async with load.speaking(pause=0.2):
            await load.warm()
            usual = await _flows_within(load)
            for n in range(times):
                load.history.fault("too large")
                await put_too_large(load.desk, f"poison-{n}")
                slowest = max(slowest, await _flows_within(load))
            load.history.heal()
        refused = await load.desk.value("SELECT count(*) FROM outbox WHERE refused_at IS NOT NULL")
        broken = [] if refused == times else [f"{refused} rows are set aside, not {times}"]
        if slowest > NEXT_GOOD_SECONDS + usual:
            broken.append(f"the next good record took {slowest:.1f} s")
        good = f"next good record <= {slowest:.1f} s (without poison {usual:.1f} s)"
        note = f"{good}; {refused} rows set aside, as many wait behind them"
        return await load.row("poison: over the size limit", times, notes=[note], broken=broken, unsent=2 * times)


async def _flows_within(load: Load) -> float:
    begun = time.monotonic()
    await load.flowing(60)
    return time.monotonic() - begun


async def put_too_large(desk: Desk, key: str) -> None:
    """Two rows of one key; the first is larger than `publish` would ever let it be."""
    async with desk.database.transaction() as session:
        for number in range(2):
            publish(session, desk.noted(name=key, n=number))
        await session.flush()
        await session.execute(SWOLLEN, {"key": key})


SWOLLEN = text("""
    UPDATE outbox SET value = decode(repeat('00', 1200000), 'hex')
    WHERE id = (SELECT min(id) FROM outbox WHERE key = :key)
""")


def partition_of(key: str, partitions: int) -> int:
    everything = list(range(partitions))
    return int(DefaultPartitioner()(key.encode(), everything, everything))


async def send_raw(desk: Desk, key: str, value: bytes, headers: Headers) -> None:
    """A record with a name that no client writes, built by hand and sent to the partition of its key."""
    made = default_records._DefaultRecordBatchBuilderPy(2, 0, 0, -1, -1, -1, 1 << 16)
    made.append(0, int(time.time() * 1000), key.encode(), value, headers)
    partition = partition_of(key, desk.partitions)
    producer = AIOKafkaProducer(bootstrap_servers=desk.kafka)
    await producer.start()
    try:
        await producer.partitions_for(desk.topic)
        leader = next(one for one in producer.client.cluster.brokers()).nodeId
        request = ProduceRequest(None, -1, 5000, [(desk.topic, [(partition, bytes(made.build()))])])
        answer = await producer.client.send(leader, request)
        code = answer.topics[0][1][0][1]
        assert code == 0, for_code(code)
    finally:
        await producer.stop()


SCENARIOS: Scenarios = [
    *((f"poison-{kind.name.replace(' ', '-').lower()}", partial(of_kind, kind=kind)) for kind in KINDS),
    ("poison-too-large", too_large),
]
