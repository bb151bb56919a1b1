"""Crashes: real processes that die between the two systems, at random, or over one record."""

import signal
from pathlib import Path
from typing import Any

import pytest

from tests.chaos.lives import Alive, alive
from tests.kit import eventually
from tests.shared.desk import Desk
from tests.shared.dying import Life
from tests.shared.test_dead_letters import letters
from tests.shared.test_relay import all_sent


@pytest.fixture
def life(desk: Desk, keys: Path, tmp_path: Path) -> Any:
    """`async with life(**what) as process`: the desk's relay and consumer in a process of their own."""
    return lambda **what: alive(Life.of(desk, keys, **what), tmp_path / "log")


async def died(process: Alive) -> bool:
    return await process.ended() == -signal.SIGKILL


async def test_killed_between_acknowledgement_and_mark_sends_again_in_order(desk: Desk, life: Any) -> None:
    said = [("a", n) for n in range(20)]
    await desk.say(*said)
    for _ in range(3):
        async with life(parts=("relay",), fail_points="relay.acknowledged=kill") as process:
            assert await died(process)
        assert await desk.unsent() == 20

    async with desk.relaying(), desk.consuming():
        await eventually(lambda: all_sent(desk))
        await desk.had(*said)

    assert list(dict.fromkeys(await desk.sent(80))) == said
    assert await desk.effects() == said


async def test_killed_between_effect_and_offset_has_no_second_effect(desk: Desk, life: Any) -> None:
    said = [("a", n) for n in range(20)]
    await desk.send_noted(*said)
    for _ in range(3):
        async with life(parts=("consumer",), fail_points="consumer.committing=kill") as process:
            assert await died(process)
        assert await desk.committed() == 0
        assert await desk.effects() == said

    async with desk.consuming():

        async def caught_up() -> bool:
            return await desk.committed() == 20

        await eventually(caught_up, 30)

    assert await desk.effects() == said
    assert await desk.value("SELECT count(*) FROM deliveries") == 0
    assert await letters(desk) == []


async def test_record_that_kills_the_process_is_parked_after_three_deliveries_of_it_alone(
    desk: Desk, life: Any
) -> None:
    deaths = 0
    good = [*(("a", n) for n in range(5)), *(("b", n) for n in range(7, 12))]
    await desk.send_noted(*good[:5])
    await desk.say(("deadly", 5), text="kills")
    async with desk.relaying():
        await eventually(lambda: all_sent(desk))
    await desk.send_noted(("deadly", 6), *good[5:])

    async def parked_or_dead() -> bool:
        return not process.running or len(await letters(desk)) == 2

    while len(await letters(desk)) != 2:
        async with life() as process:
            await eventually(parked_or_dead, 30)
            deaths += not process.running

    assert deaths == 4, "once in its batch, three times alone"
    assert await letters(desk) == [
        ("deadly", "the process died over it 3 times"),
        ("deadly", "waits behind an earlier letter of its key"),
    ]
    async with desk.consuming():
        await desk.had(*good)


async def test_killed_at_random_loses_doubles_and_parks_nothing(desk: Desk, life: Any) -> None:
    said: list[tuple[str, int]] = []
    for blow in range(1, 5):
        more = [(f"key-{n % 9}", n) for n in range(blow * 400, blow * 400 + 400)]
        await desk.say(*more)
        said += more
        async with life() as process:

            async def some_more(seen: int = blow) -> bool:
                return len(await desk.effects()) > (seen - 1) * 300

            await eventually(some_more, 30)
            await process.kill()

    async with desk.relaying(), desk.consuming():
        await desk.had(*said, seconds=30)
        await eventually(lambda: all_sent(desk))

    effects = await desk.effects()
    for key in {name for name, _ in said}:
        assert [n for name, n in effects if name == key] == [n for name, n in said if name == key]
    assert await letters(desk) == []
