"""Crashes: real processes that die between the two systems, at random, or over one record."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.kit import eventually
from tests.shared.desk import Desk
from tests.shared.test_dead_letters import letters
from tests.shared.test_relay import all_sent

ROOT = Path(__file__).resolve().parents[2]


@asynccontextmanager
async def dying(
    desk: Desk, keys: Path, at: str = "", deadly: int | None = None
) -> AsyncIterator[asyncio.subprocess.Process]:
    """The desk's relay and consumer in a process of their own, killed at the end."""
    url = desk.database.dsn
    said = json.dumps(
        {"name": desk.name, "url": url, "keys": str(keys), "kafka": desk.kafka, "at": at, "deadly": deadly}
    )
    command = [sys.executable, "-m", "tests.shared.dying", said]
    process = await asyncio.create_subprocess_exec(*command, cwd=ROOT, stdout=asyncio.subprocess.DEVNULL)
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def test_killed_between_acknowledgement_and_mark_sends_again_in_order(desk: Desk, keys: Path) -> None:
    said = [("a", n) for n in range(20)]
    await desk.say(*said)
    for _ in range(3):
        async with dying(desk, keys, at="acknowledged") as process:
            await asyncio.wait_for(process.wait(), 30)
        assert await desk.unsent() == 20

    async with desk.relaying(), desk.consuming():
        await eventually(lambda: all_sent(desk))
        await desk.had(*said)

    assert list(dict.fromkeys(await desk.sent(80))) == said
    assert await desk.effects() == said


async def test_killed_between_effect_and_offset_has_no_second_effect(desk: Desk, keys: Path) -> None:
    said = [("a", n) for n in range(20)]
    await desk.send_noted(*said)
    for _ in range(3):
        async with dying(desk, keys, at="handled") as process:
            await asyncio.wait_for(process.wait(), 30)
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
    desk: Desk, keys: Path
) -> None:
    deaths = 0
    good = [*(("a", n) for n in range(5)), *(("b", n) for n in range(7, 12))]
    await desk.send_noted(*good[:5], ("deadly", 5), ("deadly", 6), *good[5:])

    async def parked() -> bool:
        return len(await letters(desk)) == 2

    while not await parked():
        async with dying(desk, keys, deadly=5) as process:
            waiting = [asyncio.create_task(process.wait()), asyncio.create_task(eventually(parked, 30))]
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            deaths += process.returncode is not None
            for task in waiting:
                task.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)

    assert deaths == 4, "once in its batch, three times alone"
    assert await letters(desk) == [
        ("deadly", "the process died over it 3 times"),
        ("deadly", "waits behind an earlier letter of its key"),
    ]
    async with desk.consuming():
        await desk.had(*good)


async def test_killed_at_random_loses_doubles_and_parks_nothing(desk: Desk, keys: Path) -> None:
    said: list[tuple[str, int]] = []
    for blow in range(1, 5):
        more = [(f"key-{n % 9}", n) for n in range(blow * 400, blow * 400 + 400)]
        await desk.say(*more)
        said += more
        async with dying(desk, keys) as process:

            async def some_more(seen: int = blow) -> bool:
                return len(await desk.effects()) > (seen - 1) * 300

            await eventually(some_more, 30)
            process.kill()

    async with desk.relaying(), desk.consuming():
        await desk.had(*said, seconds=30)
        await eventually(lambda: all_sent(desk))

    effects = await desk.effects()
    for key in {name for name, _ in said}:
        assert [n for name, n in effects if name == key] == [n for name, n in said if name == key]
    assert await letters(desk) == []
