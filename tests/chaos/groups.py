"""Rebalance storms: members killed, stopped, asked to end and started again; handlers slower than the group allows."""

import asyncio
import signal
from random import Random

from tests.chaos.arena import Arena, Scenarios
from tests.chaos.load import Load, constants, loaded, through
from tests.chaos.speaking import say
from tests.chaos.table import Row

MEMBERS = 4
SECONDS_A_TRIAL = 2.0
MAX_POLL_SECONDS = 1.0
SLOW_SECONDS = 2.5


async def storm(arena: Arena, times: int) -> Row:
    """One of four members every 0.5 to 2 s: kill -9 and a new one, a pause longer than its session, or a clean end."""
    chance = Random(times)

    async def blow(load: Load) -> None:
        seconds, blows = 0.0, 0
        while seconds < times * SECONDS_A_TRIAL:
            name, how = f"member-{chance.randrange(MEMBERS)}", blows % 3
            load.history.fault(f"{name} {('killed', 'stopped', 'ended')[how]}")
            member = load.lives[name]
            match how:
                case 0:
                    await member.kill()
                case 1:
                    member.signal(signal.SIGSTOP)
                    await asyncio.sleep(1.5)
                    member.signal(signal.SIGCONT)
                case _:
                    await member.stop()
            if not member.running:
                load.start(name, parts=("consumer",), constants=constants(1), batch_records=20)
            pause = chance.uniform(0.5, 2.0)
            await asyncio.sleep(pause)
            seconds, blows = seconds + pause, blows + 1

    async with loaded(arena, "relay", topic={"partitions": 8}, constants=constants(1)) as load:
        for number in range(MEMBERS):
            load.start(f"member-{number}", parts=("consumer",), constants=constants(1), batch_records=20)
        await through(load, blow)
        return await load.row(f"rebalance storm, {MEMBERS} members", len(load.history.faults))


async def slow_handlers(arena: Arena, times: int) -> Row:
    """Handlers of 2.5 s in a group that gives its members 1 s between polls: their partitions go on elsewhere."""

    async def slow_down(load: Load) -> None:
        for n in range(times):
            load.history.fault("slow handler")
            event = load.desk.noted(name=f"slow-{n % 3}", n=n, text="slow")
            await say(load.desk, load.history, event)
            await load.flowing(60)

    what = {"max_poll_seconds": MAX_POLL_SECONDS, "slow_seconds": SLOW_SECONDS, "batch_records": 20}
    async with loaded(arena, "relay", constants=constants(1)) as load:
        for number in range(MEMBERS - 1):
            load.start(f"member-{number}", parts=("consumer",), constants=constants(1), **what)
        await through(load, slow_down)
        return await load.row("handlers slower than max.poll.interval", times)


SCENARIOS: Scenarios = [("group-storm", storm), ("group-slow", slow_handlers)]
