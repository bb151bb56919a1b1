"""Replaying and dropping many letters: in order within a key, and no key waits for another one."""

import asyncio
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy.ext.asyncio import AsyncSession

from shared import dead_letters, parking
from shared.dead_letters import HeldKey
from shared.inbox import Heard, Record, hearing
from shared.letters import any_letter, history
from tests.kit import eventually
from tests.shared.conftest import OpenDesk
from tests.shared.desk import Desk, record, remember
from tests.shared.test_dead_letters import Picky, first_letter, letters, letters_are, replaced


async def parked(desk: Desk, heard: Heard, *said: tuple[str, int]) -> None:
    """As many letters as were said."""
    await desk.send_noted(*said)
    async with desk.consuming(heard):
        await eventually(lambda: letters_are(desk, len(said)))


async def held(desk: Desk, **which: Any) -> list[HeldKey]:
    async with desk.database.transaction() as session:
        return await dead_letters.held_keys(session, **which)


async def test_replay_of_all_keys_leaves_what_still_fails_and_goes_on_with_the_next(desk: Desk) -> None:
    picky = Picky(*range(10))
    heard = Heard(desk.noted, picky)
    await parked(desk, heard, ("a", 1), ("b", 2), ("a", 3), ("b", 4), ("c", 5), ("b", 6))
    picky.poison = {4}
    moved: list[tuple[int, int]] = []

    keys = await held(desk)
    result = await dead_letters.replay_keys(
        desk.database, keys, hearing([heard]), None, lambda count, of: moved.append((count, of))
    )

    assert sorted((one.key, one.letters) for one in keys) == [("a", 2), ("b", 3), ("c", 1)]
    assert result.ran == 4
    assert [(one.key, problem.args[1]) for one, problem in result.failed] == [("b", "ZeroDivisionError")]
    assert sum(count for count, _ in moved) == 6
    assert {of for _, of in moved} == {6}
    effects = await desk.effects()
    assert [n for name, n in effects if name == "a"] == [1, 3]
    assert [n for name, n in effects if name == "b"] == [2]
    assert [key for key, _ in await letters(desk)] == ["b", "b"]


async def test_replaying_all_keys_twice_at_once_has_one_effect_each(desk: Desk) -> None:
    picky = Picky(*range(40))
    heard = Heard(desk.noted, picky)
    said = [(f"key-{n % 7}", n) for n in range(40)]
    await parked(desk, heard, *said)
    picky.poison.clear()
    keys = await held(desk)

    results = await asyncio.gather(
        *(dead_letters.replay_keys(desk.database, keys, hearing([heard]), None) for _ in range(3))
    )

    assert sum(result.ran for result in results) == 40
    effects = await desk.effects()
    assert sorted(effects) == sorted(said)
    for key in {key for key, _ in said}:
        assert [n for name, n in effects if name == key] == [n for name, n in said if name == key]


async def test_keys_are_found_by_the_type_that_holds_them_up(desk: Desk) -> None:
    heard = Heard(desk.noted, Picky(1, 2))
    await parked(desk, heard, ("a", 1), ("b", 2))
    other = desk.noted.type.replace("v1", "v2")
    await desk.rows("UPDATE dead_letters SET type = :other WHERE key = 'b' RETURNING 1", other=other)

    assert [one.key for one in await held(desk, type_=desk.noted.type)] == ["a"]
    assert [one.key for one in await held(desk, type_=other)] == ["b"]
    assert [one.key for one in await held(desk, topic=desk.topic, key="b")] == ["b"]
    assert await held(desk, topic="another.events") == []


async def test_letter_of_a_higher_version_is_replayed_by_the_reader_that_knows_it(desk: Desk) -> None:
    key, value, headers = record(desk.noted(name="a", n=1))
    later = desk.noted.type.replace("v1", "v2")
    await desk.send((key, value, replaced(headers, "ce_type", later.encode())))
    await desk.send_noted(("a", 2))
    async with desk.consuming():
        await eventually(lambda: letters_are(desk, 2))
    updated = {desk.noted.type: Heard(desk.noted, remember), later: Heard(desk.noted, remember)}

    result = await dead_letters.replay_keys(desk.database, await held(desk), updated, None)

    assert (result.ran, result.failed) == (2, [])
    assert await desk.effects() == [("a", 1), ("a", 2)]


async def test_failed_replays_are_counted_and_told(desk: Desk) -> None:
    heard = Heard(desk.noted, Picky(1))
    await parked(desk, heard, ("a", 1))
    letter = await first_letter(desk)
    for _ in range(2):
        with pytest.raises(dead_letters.StillFails):
            await dead_letters.replay(desk.database, letter, hearing([heard]), None)

    await dead_letters.drop(desk.database, letter, "nobody needs it", hearing([heard]), None, by="ivanova")

    async with desk.database.transaction() as session:
        row = await any_letter(session, letter)
    assert row is not None
    told = [line.partition("  ")[2] for line in history(row)]
    assert told == [
        "parked: ZeroDivisionError",
        "replayed in vain 2 times, the last time: ZeroDivisionError",
        "dropped by ivanova: nobody needs it",
    ]


async def test_database_that_is_away_is_no_failed_replay(desk: Desk) -> None:
    async def lost(_session: AsyncSession, _event: object, _wired: object) -> None:
        raise ConnectionResetError

    await parked(desk, Heard(desk.noted, Picky(1)), ("a", 1))

    with pytest.raises(ConnectionResetError):
        await dead_letters.replay(desk.database, await first_letter(desk), hearing([Heard(desk.noted, lost)]), None)

    assert await desk.rows("SELECT failed_replays, resolved_at FROM dead_letters") == [(0, None)]


async def test_whole_key_is_dropped_and_later_events_of_it_are_handled(desk: Desk) -> None:
    heard = Heard(desk.noted, Picky(1))
    await parked(desk, heard, ("a", 1), ("a", 2))

    [key] = await held(desk, key="a")
    gone = await dead_letters.drop_in_key(desk.database, key, "a test of ours", "ivanova")

    await desk.send_noted(("a", 3))
    async with desk.consuming(heard):
        await desk.had(("a", 3))
    assert gone == 2
    assert await desk.rows("SELECT DISTINCT resolution, reason, resolved_by FROM dead_letters") == [
        ("dropped", "a test of ours", "ivanova")
    ]


async def test_letter_in_the_middle_is_dropped_only_by_its_key(desk: Desk) -> None:
    picky = Picky(1, 2, 3)
    heard = Heard(desk.noted, picky)
    await parked(desk, heard, ("a", 1), ("a", 2), ("a", 3))
    second = UUID(str(await desk.value("SELECT id FROM dead_letters ORDER BY number OFFSET 1 LIMIT 1")))
    [key] = await held(desk)

    assert await dead_letters.drop_in_key(desk.database, replace(key, key="b"), "no", "x", second) == 0
    assert await dead_letters.drop_in_key(desk.database, key, "no", "x", second) == 1

    picky.poison.clear()
    assert await dead_letters.replay(desk.database, await first_letter(desk), hearing([heard]), None) == 2
    assert await desk.effects() == [("a", 1), ("a", 3)]


async def test_order_is_that_of_parking_also_where_offsets_began_anew(desk_of: OpenDesk) -> None:
    """A Kafka that lost its data gives the position of an older letter to another record."""
    desk = await desk_of("")
    for position, n in ((7, 1), (8, 2), (7, 3)):
        event = desk.noted(name="a", n=n)
        _, value, headers = record(event)
        one = Record(desk.topic, 0, position, "a", desk.noted.type, event.id, headers, value)
        async with desk.database.transaction() as session:
            await parking.park(session, one, "bad")

    result = await dead_letters.replay_keys(
        desk.database, await held(desk), hearing([Heard(desk.noted, remember)]), None
    )

    assert result.ran == 3
    assert await desk.effects() == [("a", 1), ("a", 2), ("a", 3)]
