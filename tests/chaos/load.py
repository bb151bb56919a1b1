"""People who speak and processes that carry it, while something is broken; then rest, and the judgement."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from deploy.embedded.postgres import Postgres
from tests.chaos.arena import Arena, at_rest, judged, letters
from tests.chaos.history import History
from tests.chaos.lives import Alive
from tests.chaos.speaking import speak
from tests.chaos.table import RECOVERY_SECONDS, Row
from tests.kit import eventually
from tests.shared.desk import Desk
from tests.shared.dying import QUICK

NAMES = tuple(f"key-{number}" for number in range(6))
WARM_EFFECTS = 30
"""Before the first fault, so that it meets a backbone that is at work."""

IMPATIENT: Mapping[str, float] = {
    **QUICK,
    "shared.relay.KAFKA_SECONDS": 3.0,
    "shared.consumer.KAFKA_SECONDS": 3.0,
    "shared.consumer.MAX_BACKOFF_SECONDS": 2.0,
}
"""For short forms: what hangs is given up sooner. The long forms run with what production has."""


def constants(times: int) -> Mapping[str, float]:
    return IMPATIENT if times < 10 else {}


@dataclass
class Load:
    """A desk at work: who speaks, and its processes by name."""

    arena: Arena
    desk: Desk
    history: History = field(default_factory=History)
    lives: dict[str, Alive] = field(default_factory=dict)

    def start(self, name: str, **what: Any) -> Alive:
        """A process that begins now, under a name by which the scenario finds it again."""
        one = self.lives[name] = self.arena.life(self.desk, self.history, member=name, **what)
        return one

    async def flowing(self, seconds: float = 30) -> None:
        """Until something that is said from now on has its effect."""
        before = len(self.history.tries)

        async def more() -> bool:
            newer = [one.id for one in list(self.history.tries.values())[before:]]
            return bool(
                await self.desk.value("SELECT 1 FROM effects WHERE event_id::text = ANY(:ids) LIMIT 1", ids=newer)
            )

        await eventually(more, seconds)

    async def warm(self) -> None:
        async def enough() -> bool:
            return int(await self.desk.value("SELECT count(*) FROM effects")) >= WARM_EFFECTS

        await eventually(enough, 30)

    @asynccontextmanager
    async def speaking(self, pause: float = 0.05, names: Sequence[str] = NAMES) -> AsyncIterator[None]:
        stop = asyncio.Event()
        task = asyncio.create_task(speak(self.desk, self.history, names, stop, pause))
        try:
            yield
        finally:
            stop.set()
            await task

    async def end(self) -> None:
        await asyncio.gather(*(one.kill() for one in self.lives.values()))

    async def row(
        self,
        scenario: str,
        times: int,
        *,
        notes: Sequence[str] = (),
        broken: Sequence[str] = (),
        limit: float = RECOVERY_SECONDS,
        **rest: int,
    ) -> Row:
        """After the last fault: wait for rest, ask every process to end, judge."""
        left = await at_rest(self.desk, **rest)
        await asyncio.gather(*(one.stop() for one in self.lives.values()))
        return Row(
            scenario,
            times,
            await judged(self.desk, self.history),
            parked=await letters(self.desk),
            notes=notes,
            broken=[*broken, *left],
            recovery_limit=limit,
        )


@asynccontextmanager
async def loaded(
    arena: Arena,
    *parts: str,
    kafka: str = "",
    postgres: Postgres | None = None,
    topic: Mapping[str, Any] = MappingProxyType({}),
    **what: Any,
) -> AsyncIterator[Load]:
    """A new desk with one process for each part, at work, on the arena's servers where no others are named."""
    database, broker = postgres or await arena.postgres(), kafka or (await arena.kafka()).bootstrap
    async with arena.desk(database, broker, **topic) as desk:
        load = Load(arena, desk)
        try:
            for part in parts:
                load.start(part, parts=(part,), **what)
            yield load
        finally:
            await load.end()


Fault = Callable[[Load], Awaitable[None]]


async def through(load: Load, fault: Fault) -> None:
    """The fault under load, from a backbone at work to one that is at work again."""
    async with load.speaking():
        await load.warm()
        await fault(load)
        load.history.heal()
        await load.flowing(90)
