"""What a dead worker had taken up goes on soon, and a living one keeps what it has through a restart of PostgreSQL."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import asyncpg
import pytest
from uuid_utils.compat import uuid7

from notifier import delivering, places
from notifier.main import deliver_mail, keep_place, look_out, service
from notifier.places import Lookout, Place
from shared.service import Loop
from shared.stopping import any_of
from tests.kit import Running, eventually
from tests.notifier import facts
from tests.notifier.outside import Gateway, MailHost
from tests.notifier.programs import kill, worker

RECOVERY_SECONDS = 30.0
"""Promise 1."""


async def _true(value: object) -> object:
    return value


@asynccontextmanager
async def working(wired: Any, loops: Sequence[Loop] = service.loops) -> AsyncIterator[None]:
    stop = asyncio.Event()
    tasks = [asyncio.create_task(loop(wired, stop)) for loop in loops]
    try:
        yield
    finally:
        stop.set()
        await asyncio.gather(*tasks)


def another_worker(running: Running) -> Any:
    """With a place of its own, as another process would have; deliveries go on by the same doors."""
    place = Place(running.kernel.database)
    mail = replace(running.wired.mail, place=place, bell=asyncio.Event(), _running={})
    sms = replace(running.wired.sms, place=place, bell=asyncio.Event(), _running={})
    return replace(running.wired, place=place, mail=mail, sms=sms)


async def cut_all_connections(running: Running) -> int:
    """As a restart of PostgreSQL does, for this database alone; they are gone then, so the test itself is lent none."""
    cut = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = current_database()"
    rows = await running.rows(f"{cut} AND pid <> pg_backend_pid()")
    return len(rows)


async def test_killed_before_it_began_to_hand_over_the_letter_is_sent_soon_and_once(
    notifier: Running, mail: MailHost
) -> None:
    mail.rcpt = "stall"
    await notifier.hears(*(facts.recovery(uuid7(), f"u{n}@mail.ru") for n in range(5)))
    async with worker(notifier) as first:
        await eventually(lambda: _true(mail.asked == 5), 30)
        await kill(first)
    mail.rcpt = "250 OK"

    killed_at = time.monotonic()
    async with worker(notifier):
        rows = await eventually(lambda: facts.now_ended(notifier, 5), RECOVERY_SECONDS)
    took = time.monotonic() - killed_at

    assert {row.status for row in rows} == {"sent"}
    assert sorted(to for (to,) in mail.recipients) == [f"u{n}@mail.ru" for n in range(5)]
    assert took < RECOVERY_SECONDS


async def test_killed_while_the_letter_was_with_the_server_it_is_soon_unknown_and_not_sent_again(
    notifier: Running, mail: MailHost
) -> None:
    mail.after_message = "stall"
    await notifier.hears(*(facts.recovery(uuid7(), f"u{n}@mail.ru") for n in range(5)))
    async with worker(notifier) as first:
        await eventually(lambda: _true(len(mail.taken) == 5), 30)
        await kill(first)
    mail.after_message = "answer"

    async with worker(notifier):
        rows = await eventually(lambda: facts.now_ended(notifier, 5), RECOVERY_SECONDS)

    assert {row.status for row in rows} == {"unknown"}
    assert len(mail.taken) == 5


async def test_code_that_was_on_its_way_when_its_worker_was_killed_is_the_same_sms_again(
    notifier: Running, operator: Gateway
) -> None:
    operator.behaviours = ["stall"]
    await notifier.hears(facts.code())
    async with worker(notifier) as first:
        await eventually(lambda: _true(operator.requests), 30)
        await kill(first)

    async with worker(notifier):
        (row,) = await eventually(lambda: facts.now_ended(notifier, 1), RECOVERY_SECONDS)

    assert row.status == "sent"
    assert {request["message_id"] for request in operator.requests} == {str(row.id)}


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """A lookout that takes a worker for dead after half a second, and a worker that is back sooner."""
    monkeypatch.setattr(places, "LOOK_SECONDS", 0.1)
    monkeypatch.setattr(places, "AGAIN_SECONDS", 0.05)


@pytest.mark.usefixtures("quick")
async def test_outcome_is_written_although_postgres_cut_all_connections_meanwhile(
    notifier: Running, mail: MailHost
) -> None:
    mail.after_message = "wait"
    await notifier.hears(*(facts.recovery(uuid7(), f"u{n}@mail.ru") for n in range(3)))

    async with working(notifier.wired), working(another_worker(notifier), [look_out]):
        await eventually(lambda: _true(len(mail.taken) == 3))
        assert await cut_all_connections(notifier) > 0
        await eventually(lambda: has_its_place_again(notifier))
        await looked_often(notifier)
        mail.may_answer.set()
        rows = await facts.ended(notifier, 3)

    assert {row.status for row in rows} == {"sent"}
    assert len(mail.taken) == 3


async def has_its_place_again(running: Running) -> list[Any]:
    """The connection by which it does."""
    return await running.rows("SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND classid = :space AND granted",
                              space=places.SPACE)  # fmt: skip


async def looked_often(running: Running) -> None:
    """A lookout of one's own has had the time to find a dead worker, had there been one."""
    lookout = Lookout(running.kernel.database)
    for _ in range(places.LOOKS + 1):
        assert await lookout.look() == 0


async def test_place_that_is_free_for_a_moment_gives_nothing_back(notifier: Running) -> None:
    await notifier.hears(facts.recovery(uuid7()))
    place, lookout = Place(notifier.kernel.database), Lookout(notifier.kernel.database)
    await delivering.take_up(notifier.kernel.database, "email", 1, place.number)
    for _ in range(places.LOOKS - 1):
        assert await lookout.look() == 0

    async with holding(place):
        given_back_while_held = await lookout.look()
    given_back = [await lookout.look() for _ in range(places.LOOKS)]

    assert given_back_while_held == 0
    assert given_back == [0] * (places.LOOKS - 1) + [1], "it is counted from the start"


@asynccontextmanager
async def holding(place: Place) -> AsyncIterator[None]:
    stop = asyncio.Event()
    keeping = asyncio.create_task(place.keep(stop))
    await place.taken.wait()
    try:
        yield
    finally:
        stop.set()
        await keeping


async def test_place_is_taken_again_when_its_connection_is_cut(notifier: Running, monkeypatch: Any) -> None:
    monkeypatch.setattr(places, "AGAIN_SECONDS", 0.05)
    place = Place(notifier.kernel.database)

    async with holding(place):
        [(before,)] = await has_its_place_again(notifier)
        await cut_all_connections(notifier)

        async def anew() -> bool:
            now = await has_its_place_again(notifier)
            return place.taken.is_set() and bool(now) and now != [(before,)]

        await eventually(anew)


async def test_worker_without_its_place_takes_nothing_up(notifier: Running, mail: MailHost) -> None:
    await notifier.hears(facts.recovery(uuid7()))

    async with working(notifier.wired, [deliver_mail]):
        assert not await any_of(1.2, notifier.wired.place.taken), "more than a sweep"
        assert [row.tries for row in await facts.notifications(notifier)] == [0]
        async with working(notifier.wired, [keep_place]):
            await facts.ended(notifier)

    assert len(mail.taken) == 1


async def test_what_was_taken_up_without_an_answer_is_given_back_by_its_living_worker(
    notifier: Running, mail: MailHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    await notifier.hears(facts.recovery(uuid7()))
    take_up = delivering.take_up
    failed: list[bool] = []

    async def answer_lost(*arguments: Any) -> Any:
        due = await take_up(*arguments)
        if due and not failed:
            failed.append(True)
            raise ConnectionResetError
        return due

    monkeypatch.setattr(delivering, "take_up", answer_lost)

    async with working(notifier.wired, [keep_place, deliver_mail]):
        (row,) = await facts.ended(notifier)

    assert (row.status, failed, len(mail.taken)) == ("sent", [True], 1)


async def test_letter_goes_on_soon_when_the_database_was_away_before_it_was_handed_over(
    notifier: Running, mail: MailHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    await notifier.hears(facts.recovery(uuid7()))
    begin = delivering.begin
    failed: list[bool] = []

    async def commit_lost(*arguments: Any, **named: Any) -> Any:
        seconds = await begin(*arguments, **named)
        if not failed:
            failed.append(True)
            raise asyncpg.ConnectionDoesNotExistError
        return seconds

    monkeypatch.setattr(delivering, "begin", commit_lost)

    async with working(notifier.wired):
        (row,) = await facts.ended(notifier)

    assert (row.status, failed, len(mail.taken)) == ("sent", [True], 1)
    outcomes = await notifier.rows("SELECT outcome FROM attempts ORDER BY started_at")
    assert [tuple(one) for one in outcomes] == [("try_later",), ("accepted",)]
