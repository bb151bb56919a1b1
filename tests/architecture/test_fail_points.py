"""Fail points lie after every await on an outside system in the backbone; none is named and not there."""

from collections.abc import Collection, Mapping
from functools import cache

import pytest

from shared.failpoints import POINTS
from tests.architecture.fail_points import Function, functions, passed, without_point
from tests.architecture.test_house import MODULES, PACKAGES

BACKBONE = (
    *("database", "doorbell", "outbox", "relay", "acks", "consumer", "delivering", "inbox", "parking", "dead_letters"),
    *("letters", "housekeeping"),
)
READS = "reads, or locks, for whoever called it: nothing outlives the transaction, so a death here is one before it"
ONE_TRANSACTION = "of one transaction, all or none; the point that follows the last is for all of them"
OWN_CONNECTION = "locks and settings of a connection that dies with the process, all together"
EXEMPT: Mapping[str, str] = {
    "database.suits": READS,
    "outbox.backlog": READS,
    "outbox.refused": READS,
    "parking.waiting_keys": READS,
    "parking.lock_key": READS,
    "parking.count_waiting": READS,
    "dead_letters.found": READS,
    "dead_letters.held_keys": READS,
    "letters": READS,
    "relay._placed": OWN_CONNECTION,
    "relay._keep": OWN_CONNECTION,
    "relay._lane": OWN_CONNECTION,
}
"""Modules, and functions as `module.function`, in which a death is no other than one elsewhere, and why."""
EXEMPT_ACTS: Mapping[str, str] = {
    "relay._pass: connection.execute(MARK_SENT": ONE_TRANSACTION,
    "relay._pass: connection.execute(MARK_REFUSED": ONE_TRANSACTION,
    "parking.park: remember": ONE_TRANSACTION,
    "outbox.resend: connection.fetchrow(": ONE_TRANSACTION,
    "outbox.resend: connection.execute(": ONE_TRANSACTION,
}
"""Single acts, by their beginning."""


@cache
def backbone() -> list[Function]:
    return [one for module in BACKBONE for one in functions(module, (PACKAGES["shared"] / f"{module}.py").read_text())]


def missing(exempt: Collection[str] = tuple(EXEMPT)) -> set[str]:
    bare = without_point([one for one in backbone() if not {one.name, one.name.partition(".")[0]} & set(exempt)])
    return {f"{name}: {act}" for name, acts in bare.items() for act in acts}


def test_every_await_on_an_outside_system_has_a_fail_point() -> None:
    assert {act for act in missing() if not act.startswith(tuple(EXEMPT_ACTS))} == set()


def test_no_exemption_is_kept_that_nothing_needs() -> None:
    with_all = missing()

    assert {name for name in EXEMPT if missing(EXEMPT.keys() - {name}) == with_all} == set()
    assert {act for act in EXEMPT_ACTS if not any(one.startswith(act) for one in with_all)} == set()


def test_points_that_are_passed_are_those_that_are_named() -> None:
    assert {name for file in MODULES for name in passed(file.read_text())} == set(POINTS)


@pytest.mark.parametrize("door", ["notifier/smtp", "notifier/sms_gateway", "verification/live_codes"])
def test_door_has_its_point(door: str) -> None:
    package, _, module = door.partition("/")

    assert "door.answered" in passed((PACKAGES[package] / f"{module}.py").read_text())


def of(source: str) -> Mapping[str, set[str]]:
    return without_point(functions("planted", source))


def test_act_without_a_point_is_found() -> None:
    assert of("async def f(session):\n    await session.execute(1)") == {"planted.f": {"session.execute(1)"}}
    assert of("async def f(session):\n    await session.execute(1)\n    await point('a')") == {}


def test_act_between_another_and_its_point_is_found() -> None:
    found = of("async def f(session):\n    await session.execute(1)\n    await session.flush()\n    await point('a')")

    assert found == {"planted.f": {"session.execute(1)"}}


def test_act_that_is_wrapped_or_part_of_an_expression_is_found() -> None:
    assert of("async def f(c):\n    await asyncio.wait_for(c.getmany(1), 5)") == {"planted.f": {"c.getmany(1)"}}
    assert of("async def f(s):\n    return (await s.execute(1)).scalar()") == {"planted.f": {"s.execute(1)"}}
    assert of("async def f(s):\n    return {row async for row in g()} or await s.scalar(2)") == {
        "planted.f": {"s.scalar(2)"}
    }


def test_last_act_of_a_loop_is_followed_by_its_first() -> None:
    found = of(
        "async def f(s):\n    for x in s:\n        await point('a')\n        await s.send(x)\n        await s.flush()"
    )

    assert found == {"planted.f": {"s.send(x)", "s.flush()"}}


def test_act_left_open_is_the_callers_to_close() -> None:
    helper = "async def h(s):\n    await s.execute(1)\n"

    assert of(helper + "async def f(s):\n    await h(s)\n    await point('a')") == {}
    assert of(helper + "async def f(s):\n    await h(s)") == {"planted.f": {"h"}}
    assert of(helper + "async def f(s):\n    await h(s)\n    await s.flush()\n    await point('a')") == {
        "planted.f": {"h"}
    }


def test_end_of_a_drivers_own_transaction_is_an_act() -> None:
    body = "        await connection.execute(1)\n        await point('a')\n"
    found = of("async def f(connection):\n    async with connection.transaction():\n" + body)

    assert found == {"planted.f": {"leaving connection.transaction()"}}
    assert of("async def f(database):\n    async with database.transaction() as connection:\n" + body) == {}
