"""Poison and dead letters: only the key of a poison record waits, in order, until it is replayed or dropped."""

import json
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from shared import dead_letters
from shared.inbox import Heard, hearing
from tests.kit import eventually
from tests.shared.desk import Desk, Headers, Noted, record, remember

Sent = tuple[str | None, bytes | None, Any]


class Picky:
    """A reaction that cannot bear some numbers, until it is mended."""

    def __init__(self, *poison: int) -> None:
        self.poison = set(poison)

    async def __call__(self, session: AsyncSession, event: Noted, wired: object) -> None:
        if event.n in self.poison:
            raise ZeroDivisionError
        await remember(session, event, wired)


async def letters(desk: Desk) -> list[tuple[str, str]]:
    """Key and cause of what waits, in order."""
    query = "SELECT key, cause FROM dead_letters WHERE resolved_at IS NULL ORDER BY position"
    return [(key, cause) for key, cause in await desk.rows(query)]


async def first_letter(desk: Desk) -> UUID:
    query = "SELECT id FROM dead_letters WHERE resolved_at IS NULL ORDER BY position LIMIT 1"
    return UUID(str(await desk.value(query)))


async def letters_are(desk: Desk, count: int) -> bool:
    return len(await letters(desk)) == count


async def test_poison_is_parked_and_what_follows_under_its_key_waits_behind_it(desk: Desk) -> None:
    await desk.send_noted(("a", 1), ("a", 2), ("b", 3), ("a", 4), ("b", 5))

    async with desk.consuming(Heard(desk.noted, Picky(2))):
        await desk.had(("a", 1), ("b", 3), ("b", 5))
        await desk.send_noted(("a", 6), ("b", 7))
        await desk.had(("a", 1), ("b", 3), ("b", 5), ("b", 7))
        await eventually(lambda: letters_are(desk, 3))

    behind = "waits behind an earlier letter of its key"
    assert await letters(desk) == [("a", "ZeroDivisionError"), ("a", behind), ("a", behind)]


async def test_replay_runs_the_letter_and_what_waits_behind_it_in_order(desk: Desk) -> None:
    picky = Picky(2)
    heard = Heard(desk.noted, picky)
    await desk.send_noted(*(("a", n) for n in range(1, 6)))
    async with desk.consuming(heard):
        await eventually(lambda: letters_are(desk, 4))
        picky.poison.clear()

        ran = await dead_letters.replay(desk.database, await first_letter(desk), hearing([heard]), None)

        assert ran == 4
        await desk.send_noted(("a", 6))
        await desk.had(*(("a", n) for n in range(1, 7)))
    assert await desk.effects() == [("a", n) for n in range(1, 7)]
    assert await letters(desk) == []


async def test_replaying_twice_has_one_effect(desk: Desk) -> None:
    picky = Picky(1)
    heard = Heard(desk.noted, picky)
    await desk.send_noted(("a", 1))
    async with desk.consuming(heard):
        await eventually(lambda: letters_are(desk, 1))
    picky.poison.clear()
    letter = await first_letter(desk)

    await dead_letters.replay(desk.database, letter, hearing([heard]), None)

    with pytest.raises(dead_letters.NoSuchLetter):
        await dead_letters.replay(desk.database, letter, hearing([heard]), None)
    assert await desk.effects() == [("a", 1)]


async def test_letter_that_fails_again_stays_with_what_is_behind_it(desk: Desk) -> None:
    heard = Heard(desk.noted, Picky(1))
    await desk.send_noted(("a", 1), ("a", 2))
    async with desk.consuming(heard):
        await eventually(lambda: letters_are(desk, 2))
    letter = await first_letter(desk)

    with pytest.raises(dead_letters.StillFails) as failed:
        await dead_letters.replay(desk.database, letter, hearing([heard]), None)

    assert failed.value.args == (str(letter), "ZeroDivisionError")
    assert len(await letters(desk)) == 2
    assert await desk.effects() == []


async def test_dropped_letter_has_no_effect_and_lets_the_next_ones_through(desk: Desk) -> None:
    heard = Heard(desk.noted, Picky(1))
    await desk.send_noted(("a", 1), ("a", 2), ("a", 3))
    async with desk.consuming(heard):
        await eventually(lambda: letters_are(desk, 3))

    ran = await dead_letters.drop(desk.database, await first_letter(desk), "wrong since March", hearing([heard]), None)

    assert ran == 2
    assert await desk.effects() == [("a", 2), ("a", 3)]
    assert await desk.value("SELECT reason FROM dead_letters WHERE resolution = 'dropped'") == "wrong since March"


async def test_letters_of_a_key_go_in_order_only(desk: Desk) -> None:
    heard = Heard(desk.noted, Picky(1))
    await desk.send_noted(("a", 1), ("a", 2))
    async with desk.consuming(heard):
        await eventually(lambda: letters_are(desk, 2))
    second = await desk.value("SELECT id FROM dead_letters ORDER BY position DESC LIMIT 1")

    with pytest.raises(dead_letters.NotFirst):
        await dead_letters.drop(desk.database, second, "no", hearing([heard]), None)


async def test_event_that_discards_letters_drops_those_of_its_key_and_runs(desk: Desk) -> None:
    async def cross(session: AsyncSession, _event: object, _wired: object) -> None:
        await session.execute(text("INSERT INTO effects (name, n) VALUES ('crossed', 0)"))

    noted, crossed = Heard(desk.noted, Picky(1)), Heard(desk.crossed, cross, discards_letters=True)
    await desk.send_noted(("a", 1), ("a", 2))
    async with desk.consuming(noted, crossed):
        await eventually(lambda: letters_are(desk, 2))
        await desk.send(record(desk.crossed(name="a")))
        await desk.had(("crossed", 0))
        await eventually(lambda: letters_are(desk, 0))
        await desk.send_noted(("a", 3))
        await desk.had(("crossed", 0), ("a", 3))


def poison(desk: Desk, name: str) -> Sent:
    """Records as a broken or hostile producer may write them; each under the key `bad`."""
    key, value, headers = record(desk.noted(name="bad", n=1))
    data = json.loads(value)
    kinds: dict[str, Sent] = {
        "no value": (key, None, headers),
        "no JSON": (key, b"{", headers),
        "no object": (key, b"[1]", headers),
        "deep JSON": (key, b"[" * 200_000, headers),
        "not UTF-8": (key, b'{"name": "\xff"}', headers),
        "a field is missing": (key, b"{}", headers),
        "a number no column holds": (key, json.dumps({**data, "n": 10**12}).encode(), headers),
        "NUL in a text": (key, json.dumps({**data, "name": "a\x00"}).encode(), headers),
        "half of a surrogate pair": (key, b'{"name": "\\ud800", "n": 1}', headers),
        "another version": (key, value, replaced(headers, "ce_type", desk.noted.type.replace("v1", "v2").encode())),
        "no headers": (key, value, []),
        "NUL in a header": (key, value, [*headers, ("x\x00y", b"\x00")]),
        "header without value": (key, value, [*headers, ("ce_nothing", None)]),
        "type without value": (key, value, replaced(headers, "ce_type", None)),
        "no id": (key, value, [header for header in headers if header[0] != "ce_id"]),
        "time that is none": (key, value, replaced(headers, "ce_time", b"yesterday")),
        "headers that are no UTF-8": (key, value, replaced(headers, "ce_source", b"\xff\xfe")),
        "old specversion": (key, value, replaced(headers, "ce_specversion", b"0.1")),
    }
    return kinds[name]


HARMLESS = {"NUL in a header", "header without value"}


def replaced(headers: Headers, name: str, value: bytes | None) -> list[tuple[str, bytes | None]]:
    return [(key, value if key == name else before) for key, before in headers]


KINDS = [
    "no value",
    "no JSON",
    "no object",
    "deep JSON",
    "not UTF-8",
    "a field is missing",
    "a number no column holds",
    "NUL in a text",
    "half of a surrogate pair",
    "another version",
    "no headers",
    "NUL in a header",
    "header without value",
    "type without value",
    "no id",
    "time that is none",
    "headers that are no UTF-8",
    "old specversion",
]


async def test_poison_of_every_kind_is_parked_with_its_bytes_and_others_go_on(desk: Desk) -> None:
    for kind in KINDS:
        _key, value, headers = poison(desk, kind)
        await desk.send((f"bad: {kind}", value, headers), record(desk.noted(name="good", n=KINDS.index(kind))))

    async with desk.consuming():

        async def all_handled() -> bool:
            return await desk.committed() == 2 * len(KINDS)

        await eventually(all_handled, 60)

    parked = {key.removeprefix("bad: ") for key, _ in await letters(desk)}
    effects = await desk.effects()
    assert [n for name, n in effects if name == "good"] == list(range(len(KINDS)))
    assert parked | HARMLESS == set(KINDS), sorted(set(KINDS) - parked)
    assert all("xff" not in cause and "yesterday" not in cause for _, cause in await letters(desk))


async def test_record_without_a_key_is_parked_alone(desk: Desk) -> None:
    _key, _value, headers = record(desk.noted(name="x", n=1))
    await desk.send((None, b"{", headers), record(desk.noted(name="good", n=1)))

    async with desk.consuming():
        await desk.had(("good", 1))
        await eventually(lambda: letters_are(desk, 1))


async def test_letter_keeps_its_record_as_it_was(desk: Desk) -> None:
    headers: Headers = [*record(desk.noted(name="a", n=1))[2], ("extra", b"\xff\x00")]
    await desk.send(("a", b"\x00\xff{", headers))
    async with desk.consuming():
        await eventually(lambda: letters_are(desk, 1))

    async with desk.database.transaction() as session:
        row = await dead_letters.found(session, await first_letter(desk))

    assert row.value == b"\x00\xff{"
    assert ["extra", "/wA="] in row.headers
    assert (row.topic, row.type, row.key) == (desk.topic, desk.noted.type, "a")


async def test_higher_version_waits_until_the_reader_is_updated(desk: Desk) -> None:
    key, value, headers = record(desk.noted(name="a", n=1))
    await desk.send((key, value, replaced(headers, "ce_type", desk.noted.type.replace("v1", "v2").encode())))
    await desk.send_noted(("a", 2))

    async with desk.consuming():
        await eventually(lambda: letters_are(desk, 2))

    assert "no reader" in (await letters(desk))[0][1]
    assert await desk.effects() == []


async def test_repeat_of_a_parked_record_makes_no_second_letter(desk: Desk) -> None:
    bad = record(desk.noted(name="a", n=1))
    await desk.send(bad, bad, record(desk.noted(name="b", n=2)), bad)

    async with desk.consuming(Heard(desk.noted, Picky(1))):
        await desk.had(("b", 2))

        async def all_handled() -> bool:
            return await desk.committed() == 4

        await eventually(all_handled)

    assert len(await letters(desk)) == 1
