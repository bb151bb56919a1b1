"""The whole set under faults: `SCENARIOS` of `make chaos` whose names begin with `whole`, each on a set of its own."""

from collections.abc import Awaitable, Callable, Sequence

from tests.chaos import whole_outages
from tests.chaos.arena import Arena
from tests.chaos.table import Row
from tests.chaos.whole_house import House, opened
from tests.chaos.whole_kills import (
    kills_at_random,
    notifier_killed_with_its_hands_full,
    services_at_every_point,
)
from tests.chaos.whole_redis import redis_hurt
from tests.chaos.whole_replays import kafka_lost

LONG_FROM = 10
"""From so many trials on, what lasts is as long as the promises say; below, as short as tells anything."""

Scenario = Callable[[Arena, int], Awaitable[Row | Sequence[Row]]]


def scenario(act: Callable[[House, int], Awaitable[Row | Sequence[Row]]]) -> Scenario:
    """On a set of its own in the arena's folder."""

    async def on_a_set(arena: Arena, times: int) -> Row | Sequence[Row]:
        async with opened(arena.folder / f"whole-{act.__name__}") as house:
            return await act(house, times)

    return on_a_set


def lasting(times: int, long: float, short: float) -> float:
    return long if times >= LONG_FROM else short


async def points(house: House, times: int) -> Row:
    return await services_at_every_point(house, times)


async def kills(house: House, times: int) -> Sequence[Row]:
    hands_full = await notifier_killed_with_its_hands_full(house, min(times, 5))
    return [hands_full, await kills_at_random(house, lasting(times, 300, 20))]


async def broker(house: House, times: int) -> Sequence[Row]:
    killed = await whole_outages.broker_away(house, lasting(times, 60, 15))
    return [killed, await whole_outages.broker_away(house, lasting(times, 60, 15), frozen=True)]


async def redis(house: House, times: int) -> Row:
    return await redis_hurt(house, min(times, 5))


async def stores(house: House, times: int) -> Sequence[Row]:
    seconds = lasting(times, 300, 20)
    return [await whole_outages.postgres_away(house, seconds), await whole_outages.mailbox_away(house, seconds)]


async def replays(house: House, times: int) -> Row:
    return await kafka_lost(house, lasting(times, 60, 10))


SCENARIOS: Sequence[tuple[str, Scenario]] = [
    (f"whole-{act.__name__}", scenario(act)) for act in (points, kills, broker, redis, stores, replays)
]
