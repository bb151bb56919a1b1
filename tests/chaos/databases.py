"""PostgreSQL restarted and stopped under load; a database that is away is no poison."""

import asyncio
import signal

from deploy.embedded.children import CannotStart
from deploy.embedded.postgres import Postgres
from tests.chaos.arena import Arena, Scenarios, ended, kill
from tests.chaos.load import Load, constants, loaded, through
from tests.chaos.table import Row
from tests.kit import eventually

STOPPED_SECONDS = 20.0
AWAY_SECONDS = 300.0
"""Promise 4: 5 minutes without PostgreSQL make no dead letter. The short form takes 2 s for each trial."""


async def restarted_fast(arena: Arena, times: int) -> Row:
    return await _restarted(arena, times, "Postgres restarted, fast", signal.SIGINT)


async def restarted_immediately(arena: Arena, times: int) -> Row:
    return await _restarted(arena, times, "Postgres restarted, immediately", signal.SIGQUIT)


async def _restarted(arena: Arena, times: int, name: str, how: signal.Signals) -> Row:
    trials = max(2, times // 3)

    async def again_and_again(load: Load) -> None:
        for _ in range(trials):
            load.history.fault(name)
            await _ended_by(server, how)
            await _start(server)
            await load.flowing(60)

    async with (
        arena.own_postgres() as server,
        loaded(arena, "relay", "consumer", postgres=server, constants=constants(times)) as load,
    ):
        await through(load, again_and_again)
        return await load.row(name, trials)


async def stopped(arena: Arena, times: int) -> Row:
    return await _away(arena, times, min(STOPPED_SECONDS, times * 2.0))


async def away(arena: Arena, times: int) -> Row:
    return await _away(arena, times, AWAY_SECONDS if times >= 30 else max(60.0, times * 10.0))


async def _away(arena: Arena, times: int, seconds: float) -> Row:
    async def without(load: Load) -> None:
        load.history.fault("away")
        await _ended_by(server, signal.SIGINT)
        await asyncio.sleep(seconds)
        await _start(server)

    async with (
        arena.own_postgres() as server,
        loaded(arena, "relay", "consumer", postgres=server, constants=constants(times)) as load,
    ):
        await through(load, without)
        return await load.row(f"Postgres away for {seconds:.0f} s", 1)


async def _ended_by(server: Postgres, how: signal.Signals) -> None:
    kill(server.child, how)
    await ended(server.child)


async def _start(server: Postgres) -> None:
    """After an immediate end its children may hold the shared memory for a moment."""

    async def started() -> bool:
        try:
            await server.start()
        except CannotStart:
            return False
        return True

    await eventually(started, 30)


SCENARIOS: Scenarios = [
    ("postgres-fast", restarted_fast),
    ("postgres-immediate", restarted_immediately),
    ("postgres-stopped", stopped),
    ("postgres-away", away),
]
