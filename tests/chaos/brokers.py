"""Kafka killed, stopped, behind a black hole, resetting connections; one of three brokers killed."""

import asyncio
import signal
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from itertools import pairwise

from deploy.embedded.kafka import Kafka
from tests.chaos.arena import Arena, Scenarios, ended, kill
from tests.chaos.load import Load, constants, loaded, through
from tests.chaos.proxy import Mode, Proxy
from tests.chaos.table import Row

AWAY_SECONDS = 60.0
BACKLOG_SECONDS = 60.0
"""Promise 3: Kafka away for 60 s; the backlog drains within 60 s of its return."""


def away_seconds(times: int) -> float:
    """2 s for each trial up to the promise's minute."""
    return min(AWAY_SECONDS, times * 2.0)


async def killed(load: Load, broker: Kafka, seconds: float) -> None:
    load.history.fault("broker killed")
    kill(broker.child)
    await ended(broker.child)
    await asyncio.sleep(seconds)
    await broker.start()


async def stopped(load: Load, broker: Kafka, seconds: float) -> None:
    load.history.fault("broker stopped")
    kill(broker.child, signal.SIGSTOP)
    await asyncio.sleep(seconds)
    kill(broker.child, signal.SIGCONT)


async def broker_killed(arena: Arena, times: int) -> Row:
    async with arena.own_kafka() as broker:
        return await without_broker(arena, broker, times, "killed -9", killed)


async def broker_stopped(arena: Arena, times: int) -> Row:
    async with arena.own_kafka() as broker:
        return await without_broker(arena, broker, times, "stopped (SIGSTOP)", stopped)


async def without_broker(
    arena: Arena, broker: Kafka, times: int, name: str, away: Callable[[Load, Kafka, float], Awaitable[None]]
) -> Row:
    seconds = away_seconds(times)
    async with loaded(arena, "relay", "consumer", kafka=broker.bootstrap, constants=constants(times)) as load:
        await through(load, lambda load: away(load, broker, seconds))
        return await load.row(f"broker {name} for {seconds:.0f} s", 1, limit=BACKLOG_SECONDS)


async def bad_network(arena: Arena, times: int, mode: Mode) -> Row:
    seconds = away_seconds(times)

    async def bad(load: Load) -> None:
        load.history.fault(mode)
        await proxy.become(mode)
        await asyncio.sleep(seconds)
        await proxy.become(Mode.PASS)

    async with (
        arena.kafka_behind_a_proxy() as (broker, proxy),
        loaded(arena, "relay", "consumer", kafka=broker.bootstrap, constants=constants(times)) as load,
    ):
        await through(load, bad)
        return await load.row(f"network to the broker: {mode} for {seconds:.0f} s", 1, limit=BACKLOG_SECONDS)


async def flapping(arena: Arena, times: int) -> Row:
    async with arena.kafka_behind_a_proxy() as (broker, proxy):
        return await flaps(arena, broker, proxy, times)


async def flaps(arena: Arena, broker: Kafka, proxy: Proxy, times: int) -> Row:
    """Short holes, resets, delays and refusals one after another, so that they meet every step of a conversation."""
    modes = (Mode.RESET, Mode.DELAY, Mode.HOLE, Mode.REFUSE)

    async def flap(load: Load) -> None:
        for trial in range(times * 4):
            load.history.fault(mode := modes[trial % 4])
            await proxy.become(mode, 0.3)
            await asyncio.sleep(0.1 + trial % 7 * 0.1)
            await proxy.become(Mode.PASS)
            await asyncio.sleep(0.2 + trial % 5 * 0.2)

    async with loaded(arena, "relay", "consumer", kafka=broker.bootstrap, constants=constants(1)) as load:
        await through(load, flap)
        return await load.row("network to the broker: flapping", times * 4, limit=BACKLOG_SECONDS)


async def three_brokers(arena: Arena, times: int) -> Row:
    """Each of them in turn; replication 3, two in sync at least, so that what was acknowledged survives one."""
    trials = max(3, times // 3)

    async def one_after_another(load: Load) -> None:
        for trial in range(trials):
            broker = brokers[trial % 3]
            load.history.fault(f"broker {broker.node} killed")
            kill(broker.child)
            await ended(broker.child)
            await load.flowing(60)
            await broker.start()

    async with arena.three_brokers() as brokers:
        everyone = ",".join(broker.bootstrap for broker in brokers)
        topic = {"replication": 3, "min_insync_replicas": "2"}
        parts = ("relay", "consumer")
        async with loaded(arena, *parts, kafka=everyone, topic=topic, constants=constants(times)) as load:
            await through(load, one_after_another)
            row = await load.row("one of three brokers killed -9", trials)
            return replace(row, notes=[f"longest pause {await longest_pause(load):.1f} s"])


async def longest_pause(load: Load) -> float:
    """Between one effect and the next, while people spoke all the time."""
    times = [at for (at,) in await load.desk.rows("SELECT extract(epoch FROM at)::float8 FROM effects ORDER BY at")]
    return max((later - earlier for earlier, later in pairwise(times)), default=0.0)


SCENARIOS: Scenarios = [
    ("broker-killed", broker_killed),
    ("broker-stopped", broker_stopped),
    ("broker-hole", partial(bad_network, mode=Mode.HOLE)),
    ("broker-reset", partial(bad_network, mode=Mode.RESET)),
    ("broker-refused", partial(bad_network, mode=Mode.REFUSE)),
    ("broker-flapping", flapping),
    ("three-brokers", three_brokers),
]
