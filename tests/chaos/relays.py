"""A relay that hangs until it has lost its place, and comes back; acknowledgements that fail in one lane alone."""

import asyncio
import signal

from shared.relay import RELAY_LOCK
from tests.chaos.arena import Arena, Scenarios
from tests.chaos.load import Load, constants, loaded, through
from tests.chaos.table import Row
from tests.kit import eventually
from tests.shared.desk import Desk

HUNG_SECONDS = 4
PLACED = """
    SELECT count(*) FROM pg_locks
    WHERE locktype = 'advisory' AND objid = :lock AND granted
      AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""


async def zombie(arena: Arena, times: int) -> Row:
    """Two relays. Whoever has the place is stopped until the database has ended its connections and the other one has
    sent in its stead; then it wakes, with batches in memory whose rows are no longer its own."""
    trials = max(2, times // 5)
    taken = {**constants(times), "shared.relay.HUNG_SECONDS": HUNG_SECONDS}

    async def hang(load: Load) -> None:
        for trial in range(trials):
            active = f"relay-{trial % 2}"
            load.history.fault(f"{active} stopped")
            load.lives[active].signal(signal.SIGSTOP)
            await load.flowing(60)  # the other one has taken over
            await asyncio.sleep(min(30.0, times * 1.0) if trial == 0 else 1.0)
            load.lives[active].signal(signal.SIGCONT)
            await load.flowing(30)
            await asyncio.sleep(2.0)  # the zombie notices, and stands by

    async with loaded(arena, "consumer", constants=taken) as load:
        load.start("relay-0", parts=("relay",), constants=taken)
        await eventually(lambda: _placed(load.desk))
        load.start("relay-1", parts=("relay",), constants=taken)
        await through(load, hang)
        return await load.row("relay paused, replaced, revived", trials)


async def _placed(desk: Desk) -> bool:
    return bool(await desk.value(PLACED, lock=RELAY_LOCK & 0xFFFFFFFF))


async def one_lane_fails(arena: Arena, times: int) -> Row:
    """An acknowledgement is lost, or enqueueing breaks off, in one lane while the other one goes on."""
    trials = max(3, times)
    points = ("relay.acknowledged", "relay.enqueued", "relay.marked", "relay.committed", "relay.fetched")

    async def fail(load: Load) -> None:
        for trial in range(trials):
            name = points[trial % len(points)]
            load.history.fault(name)
            await load.lives["relay"].kill()
            other = "relay.enqueued" if name != "relay.enqueued" else "relay.acknowledged"
            armed = f"{name}=raise@{trial % 3 + 2},{other}=delay:0.05"
            load.start("relay", parts=("relay",), constants=taken, fail_points=armed)
            await load.flowing(60)
            await asyncio.sleep(0.3)

    taken = {**constants(1), "shared.relay.BATCH_ROWS": 5}
    async with loaded(arena, "relay", "consumer", constants=taken) as load:
        await through(load, fail)
        return await load.row("one lane of the relay fails", trials)


SCENARIOS: Scenarios = [("relay-zombie", zombie), ("relay-lane", one_lane_fails)]
