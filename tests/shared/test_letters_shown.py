"""Dead letters as people see them: chosen, counted, and without their contents."""

import json
from datetime import timedelta

import pytest
from uuid_utils.compat import uuid7

from shared.letters import Asked, By, Counted, counted, counted_by, listed, structure
from tests.shared.conftest import OpenDesk
from tests.shared.desk import Desk


async def add(desk: Desk, key: str, type_: str, cause: str, age: str) -> None:
    await desk.rows(
        "INSERT INTO dead_letters (id, topic, partition, position, key, type, event_id, headers, cause, parked_at)"
        " VALUES (gen_random_uuid(), 'x.events', 0, 1, :key, :type, gen_random_uuid(), '[]', :cause,"
        f" now() - interval '{age}') RETURNING 1",
        key=key,
        type=type_,
        cause=cause,
    )


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (Asked(), ["a", "a", "b"]),
        (Asked(type="t.v2"), ["b"]),
        (Asked(key="a"), ["a", "a"]),
        (Asked(cause="behind"), ["a"]),
        (Asked(cause="%"), []),
        (Asked(older_than=timedelta(hours=2)), ["a"]),
        (Asked(newer_than=timedelta(hours=2)), ["a", "b"]),
        (Asked(topic="y.events"), []),
        (Asked(resolved=True), ["gone"]),
    ],
)
async def test_letters_are_listed_by_what_is_asked_for(desk_of: OpenDesk, asked: Asked, expected: list[str]) -> None:
    desk = await desk_of("")
    await add(desk, "a", "t.v1", "Malformed: n: missing", "3 days")
    await add(desk, "a", "t.v1", "waits behind an earlier letter of its key", "1 hour")
    await add(desk, "b", "t.v2", "Malformed: no reader", "1 minute")
    await add(desk, "gone", "t.v1", "x", "1 day")
    await desk.rows(
        "UPDATE dead_letters SET resolved_at = now(), resolution = 'dropped' WHERE key = 'gone' RETURNING 1"
    )

    async with desk.database.transaction() as session:
        found = await listed(session, asked, 100)
        total = await counted(session, asked)

    assert [row.key for row in found] == expected
    assert (total.letters if total else 0) == len(expected)


@pytest.mark.parametrize(
    ("by", "expected"),
    [
        ("cause", [("x", 2, 1), ("y", 1, 1)]),
        ("type", [("t.v1", 2, 2), ("t.v2", 1, 1)]),
        ("key", [("a", 2, 1), ("b", 1, 1)]),
        ("topic", [("x.events", 3, 2)]),
    ],
)
async def test_letters_are_counted_by_what_they_have_in_common(
    desk_of: OpenDesk, by: By, expected: list[tuple[str, int, int]]
) -> None:
    desk = await desk_of("")
    await add(desk, "a", "t.v1", "x", "3 days")
    await add(desk, "a", "t.v2", "x", "2 days")
    await add(desk, "b", "t.v1", "y", "1 day")

    async with desk.database.transaction() as session:
        found: list[Counted] = await counted_by(session, Asked(), by, 10)

    assert [(one.of, one.letters, one.keys) for one in found] == expected


def test_shown_structure_has_names_and_ids_and_nothing_else() -> None:
    user = str(uuid7())
    data = {
        "user_id": user,
        "email": "petrova@example.org",
        "amount": "1234.00",
        "account_number": "67123456",
        "paid": "canary-id",
        "secret_id": "canary",
        "user_token": str(uuid7()),
        "n": 17,
        "ok": True,
        "nothing": None,
        "petrova@example.org": {"x": "canary"},
        "other_holders_ids": [user, "canary"],
        "several": [{"id": user, "phone": "+79123456789"}, 1],
        "sealed": "eyJ.canary",
        "empty": {},
    }

    shown = structure(json.dumps(data).encode())

    assert shown == [
        f"user_id: {user}",
        "email: a text of 19",
        "amount: a text of 7",
        "account_number: a text of 8",
        "paid: a text of 9",
        "secret_id: a text of 6",
        "user_token: a text of 36",
        "n: a number",
        "ok: true or false",
        "nothing: null",
        "***.x: a text of 6",
        "other_holders_ids: a list of 2",
        f"other_holders_ids[]: {user}",
        "several: a list of 2",
        f"several[].id: {user}",
        "several[].phone: a text of 12",
        "sealed: a text of 10",
        "empty: an empty object",
    ]


@pytest.mark.parametrize(
    ("value", "shown"),
    [(None, ["no value"]), (b"{", ["no JSON"]), (b"[" * 200_000, ["no JSON"]), (b"\xff", ["no JSON"])],
)
def test_value_that_is_no_json_is_shown_as_such(value: bytes | None, shown: list[str]) -> None:
    assert structure(value) == shown


def test_long_data_are_cut() -> None:
    assert len(structure(json.dumps({f"f{n}": n for n in range(1000)}).encode())) == 201
