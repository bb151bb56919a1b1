"""Turns, and what they are for: a death counts against the one record that was under way."""

import asyncio
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from shared.delivering import Batch, Reader
from shared.inbox import Heard, Record
from shared.turns import Turns
from tests.shared.desk import Desk, Noted, record, remember


async def test_one_alone_has_nobody_beside_it() -> None:
    turns, running, beside = Turns(), 0, []

    async def one(alone: bool) -> None:
        nonlocal running
        async with turns.alone() if alone else turns.among_others():
            running += 1
            for _ in range(3):
                await asyncio.sleep(0)
                beside.append((alone, running))
            running -= 1

    await asyncio.gather(*(one(number % 3 == 0) for number in range(30)))

    assert {count for alone, count in beside if alone} == {1}
    assert max(count for alone, count in beside if not alone) > 1


async def test_who_was_cancelled_while_it_waited_takes_no_turn() -> None:
    turns = Turns()

    async def wait_alone() -> None:
        async with turns.alone():
            pass

    async with turns.among_others():
        waiting = asyncio.create_task(wait_alone())
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)

    async with asyncio.timeout(5):
        async with turns.alone():
            pass
        async with turns.among_others():
            pass


class Killed(BaseException):
    """As a death of the process: nothing of ours may catch it."""


async def test_deaths_over_one_record_count_against_no_other_partition(desk_of: Any) -> None:
    """Twelve partitions, one record each; the handler of one kills at once, the others take longer than that."""
    desk: Desk = await desk_of("", 12)

    async def react(session: AsyncSession, event: Noted, _wired: object) -> None:
        if event.n == 5:
            raise Killed
        await asyncio.sleep(0.02)
        await remember(session, event, None)

    deaths = 0
    while deaths < 8:
        reader = desk.reader(Heard(desk.noted, react))
        lives = [asyncio.create_task(live(reader, desk, number)) for number in range(12)]
        done, _ = await asyncio.wait(lives, return_when=asyncio.FIRST_EXCEPTION)
        died = any(isinstance(task.exception(), Killed) for task in done)
        for task in lives:
            task.cancel()
        await asyncio.gather(*lives, return_exceptions=True)
        if not died:
            break
        deaths += 1

    assert deaths == 4, "it died once in its batch and three times alone"
    assert await desk.rows("SELECT key, cause FROM dead_letters") == [("key-5", "the process died over it 3 times")]
    assert sorted(n for _, n in await desk.effects()) == [n for n in range(12) if n != 5]


async def live(reader: Reader, desk: Desk, number: int) -> None:
    key, value, headers = record(desk.noted(id=IDS[number], name=f"key-{number}", n=number))
    one = Record(desk.topic, number, 0, key, desk.noted.type, IDS[number], headers, value)
    await reader.deliver(Batch([one]))


IDS = [Noted(name="", n=0).id for _ in range(12)]
