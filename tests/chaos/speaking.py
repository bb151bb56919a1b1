"""People who say things: numbered events under keys of their own, some taken back, some committed late."""

import asyncio
from collections.abc import Sequence
from random import Random
from typing import Protocol

import asyncpg
from sqlalchemy import exc, text

from shared.outbox import publish
from shared.stopping import any_of
from tests.chaos.history import Outcome
from tests.shared.desk import Desk, Noted

LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended(:key, 11))")
"""The entity's lock that every use case takes before it publishes: order per key is then the order of commits."""

TAKEN_BACK, LATE = 0.1, 0.1
"""Shares of the transactions that are rolled back after their rows were written, and that commit long after that."""
LATE_SECONDS = 0.2

Away = (OSError, TimeoutError, exc.SQLAlchemyError, asyncpg.PostgresError, asyncpg.InterfaceError)


class Teller(Protocol):
    """Who writes down what was tried; `History` is one."""

    def invoke(self, id: str, key: str) -> None: ...

    def end(self, id: str, outcome: Outcome) -> None: ...


class TakenBack(Exception):
    """The one who speaks thought better of it."""


async def say(desk: Desk, teller: Teller, event: Noted, *, late: bool = False, taken_back: bool = False) -> Outcome:
    """One transaction. An error before the commit is a failure for certain, one of the commit leaves both ends open."""
    teller.invoke(str(event.id), event.name)
    committing = False
    try:
        async with desk.database.transaction() as session:
            await session.execute(LOCK, {"key": event.name})
            publish(session, event)
            await session.flush()
            if late:
                await asyncio.sleep(LATE_SECONDS)
            if taken_back:
                raise TakenBack
            committing = True
        outcome = Outcome.OK
    except TakenBack:
        outcome = Outcome.FAILED
    except Away:
        outcome = Outcome.UNKNOWN if committing else Outcome.FAILED
    teller.end(str(event.id), outcome)
    return outcome


async def speak(
    desk: Desk,
    teller: Teller,
    names: Sequence[str],
    stop: asyncio.Event,
    pause: float,
    poison_each: int = 0,
) -> None:
    """Under every name one after another until `stop`; each `poison_each`-th event cannot be handled until mended."""
    await asyncio.gather(*(_under(desk, teller, name, stop, pause, poison_each) for name in names))


async def _under(desk: Desk, teller: Teller, name: str, stop: asyncio.Event, pause: float, poison_each: int) -> None:
    chance, n = Random(name), 0
    while not stop.is_set():
        n += 1
        word = "poison" if poison_each and n % poison_each == 0 else ""
        draw = chance.random()
        event = desk.noted(name=name, n=n, text=word)
        await say(desk, teller, event, late=draw < LATE, taken_back=draw > 1 - TAKEN_BACK)
        await any_of(pause, stop)
