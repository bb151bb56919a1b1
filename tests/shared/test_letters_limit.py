"""The limit of dead letters: a reader stops and says why, rather than make letters of a whole topic."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from structlog.testing import capture_logs

from shared import dead_letters, metrics
from shared.broker import Broker
from shared.consumer import Consumer
from shared.health import NotReady
from shared.inbox import Heard, hearing
from shared.readiness import letters_check
from tests.kit import eventually
from tests.shared.conftest import OpenDesk
from tests.shared.desk import Desk
from tests.shared.test_dead_letters import Picky, first_letter, letters, letters_are
from tests.shared.test_replaying import held


def limited(desk: Desk, heard: Heard, limit: int) -> Any:
    """A consumer whose reader may add so many letters."""
    reader = replace(desk.reader(heard), letters_limit=limit)
    return desk.running(lambda stop: Consumer(reader, Broker(desk.kafka), stop))


def stands(desk: Desk, limit: int) -> Callable[[], Any]:
    async def standing() -> bool:
        return metrics.partitions_without_room._value.get() > 0 and len(await letters(desk)) == limit

    return standing


async def test_reader_stops_at_the_limit_says_why_once_and_goes_on_when_fewer_wait(
    desk_of: OpenDesk, kafka: str
) -> None:
    desk = await desk_of(kafka, partitions=1)
    picky = Picky(*range(1, 7))
    heard = Heard(desk.noted, picky)
    said = [("a", 1), ("b", 2), ("a", 3), ("good", 10), ("c", 4), ("d", 5), ("e", 6), ("good", 11)]
    await desk.send_noted(*said)

    with capture_logs() as logged:
        async with limited(desk, heard, 3):
            await eventually(stands(desk, 3))
            with pytest.raises(NotReady, match=r"3 of .* the limit is 3"):
                await letters_check(desk.database, 3)()
            assert await desk.effects() == [("good", 10)], "what is before the record that has no room is handled"
            assert await desk.committed() == 0

            [key] = await held(desk, key="a")
            await dead_letters.drop_in_key(desk.database, key, "no", "x")
            await eventually(stands(desk, 3), 20)
            assert [key for key, _ in await letters(desk)] == ["b", "c", "d"]

            picky.poison.clear()
            await dead_letters.replay_keys(desk.database, await held(desk), hearing([heard]), None)
            await desk.had(("good", 10), ("b", 2), ("c", 4), ("d", 5), ("e", 6), ("good", 11), seconds=30)
            await letters_check(desk.database, 3)()
    told = [entry for entry in logged if entry["event"] == "dead_letters_limit_reached"]
    assert len(told) == 1
    assert "dead-letters replay --all" in told[0]["what_to_do"]
    assert metrics.partitions_without_room._value.get() == 0


async def test_partition_without_room_goes_on_by_itself_once_the_cause_is_mended(desk: Desk) -> None:
    picky = Picky(1, 2)
    await desk.send_noted(("a", 1), ("a", 2))

    async with limited(desk, Heard(desk.noted, picky), 1):
        await eventually(stands(desk, 1))
        picky.poison.clear()
        await dead_letters.replay(desk.database, await first_letter(desk), hearing([Heard(desk.noted, picky)]), None)
        await desk.had(("a", 1), ("a", 2), seconds=30)

    assert await desk.effects() == [("a", 1), ("a", 2)]


async def test_restarts_while_there_is_no_room_are_no_deaths_of_the_record(desk_of: OpenDesk, kafka: str) -> None:
    desk = await desk_of(kafka, partitions=1)
    heard = Heard(desk.noted, Picky(1, 2))
    await desk.send_noted(("a", 1), ("b", 2))
    for _ in range(5):
        async with limited(desk, heard, 1):
            await eventually(stands(desk, 1))

    async with limited(desk, heard, 2):
        await eventually(lambda: letters_are(desk, 2))

    assert await letters(desk) == [("a", "ZeroDivisionError"), ("b", "ZeroDivisionError")]
