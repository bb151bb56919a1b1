"""Delivering a batch to its reactions: one transaction, one by one where that fails, poison into dead letters."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import asyncpg
from sqlalchemy import exc, text
from sqlalchemy.ext.asyncio import AsyncSession

from shared import dead_letters, metrics
from shared.database import Database
from shared.events import Malformed
from shared.inbox import Hearing, Letter, handle
from shared.logging import logger
from shared.refusals import is_away

_log = logger(__name__)

# What a record cannot be the cause of, so that the same statement may succeed later: connection, sign-in, missing
# database, resources, operator's shutdown, I/O, serialisation and deadlock, lock timeout, a server that is read-only
# during a failover, a schema or a grant that is not there yet.
_TRANSIENT_STATES = ("08", "28", "3D", "53", "57", "58", "40", "55P03", "25006", "42P01", "42703", "42501")
_PAUSES_SECONDS = (0.1, 0.5)


def is_transient(problem: BaseException) -> bool:
    """True where something outside is away or busy; such a failure never makes a dead letter."""
    if isinstance(problem, exc.DBAPIError):
        if problem.connection_invalidated:
            return True
        return problem.orig is not None and problem.orig.__cause__ is not None and is_transient(problem.orig.__cause__)
    if isinstance(problem, asyncpg.PostgresError):
        return (problem.sqlstate or "").startswith(_TRANSIENT_STATES)
    if isinstance(problem, asyncpg.InterfaceError):
        return not isinstance(problem, ValueError)  # that one is a value which its column cannot hold
    return is_away(problem) or isinstance(problem, exc.TimeoutError)


@dataclass
class Delivery:
    """One batch on its way; it survives transient failures, so that what was counted once is not counted again."""

    letters: Sequence[Letter]
    moved: Callable[[], None] = lambda: None
    """Called whenever a record is done with."""
    tries: int = 0
    counted: set[int] = field(default_factory=set)
    one_by_one: bool = False


@dataclass(frozen=True)
class Reader:
    """What a service hears, and with what it reacts."""

    database: Database
    heard: Hearing
    wired: Any
    tries: int = 3

    async def deliver(self, delivery: Delivery) -> None:
        """Handle or park every letter of the batch; raises only what `is_transient`."""
        if not delivery.letters:
            return
        if delivery.tries == 0:
            delivery.tries = await self._count(delivery.letters[0], alone=False)
            delivery.one_by_one = delivery.tries > 1  # its marker was found: a process died over this batch
        if not delivery.one_by_one:
            try:
                await self._together(delivery)
                return
            except Exception as problem:
                if is_transient(problem):
                    raise
                _log.warning(
                    "batch_goes_one_by_one",
                    cause=type(problem).__name__,
                    topic=delivery.letters[0].topic,
                )
                delivery.one_by_one = True
        done = await self._known(delivery.letters)
        for letter in delivery.letters:
            if letter.event_id in done:
                metrics.repeated.labels(letter.topic).inc()
            else:
                await self._alone(letter, delivery)
            delivery.moved()
        async with self.database.transaction() as session:
            await self._forget(session, delivery.letters[0], alone=False)

    async def _together(self, delivery: Delivery) -> None:
        letters = delivery.letters
        async with self.database.transaction() as session:
            await self._forget(session, letters[0], alone=False)
            new = await self._handle(session, letters)
        metrics.handled.labels(letters[0].topic).inc(new)
        metrics.repeated.labels(letters[0].topic).inc(len(letters) - new)

    async def _known(self, letters: Sequence[Letter]) -> set[UUID]:
        """What was handled or parked before, so that a batch which is begun again comes to its rest quickly."""
        known = text("SELECT event_id FROM inbox WHERE event_id = ANY(:ids)")
        async with self.database.transaction() as session:
            return set((await session.execute(known, {"ids": [letter.event_id for letter in letters]})).scalars())

    async def _alone(self, letter: Letter, delivery: Delivery) -> None:
        if letter.position not in delivery.counted:
            delivery.counted.add(letter.position)
            if await self._count(letter, alone=True) > self.tries:
                return await self._park(letter, f"the process died over it {self.tries} times")
        for attempt, pause in enumerate((*_PAUSES_SECONDS, None), 1):
            try:
                async with self.database.transaction() as session:
                    await self._forget(session, letter, alone=True)
                    new = await self._handle(session, [letter])
                metrics.handled.labels(letter.topic).inc(new)
                return None
            except Exception as problem:
                if is_transient(problem):
                    raise
                if pause is None or attempt >= self.tries:
                    return await self._park(letter, _cause(problem))
                delivery.moved()
                await asyncio.sleep(pause)
        return None

    async def _handle(self, session: AsyncSession, letters: Sequence[Letter]) -> int:
        held = await dead_letters.waiting_keys(session, letters[0].topic, [letter.key for letter in letters])
        new = await handle(
            session,
            [letter for letter in letters if letter.key not in held],
            self.heard,
            self.wired,
        )
        for letter in letters:
            if letter.key in held:
                await dead_letters.park_behind(session, letter, self.heard, self.wired)
        return new

    async def _park(self, letter: Letter, cause: str) -> None:
        async with self.database.transaction() as session:
            await dead_letters.lock_key(session, letter.topic, letter.key)
            await self._forget(session, letter, alone=True)
            await dead_letters.park(session, letter, cause)

    async def _count(self, letter: Letter, *, alone: bool) -> int:
        """Write or find the marker, in a transaction of its own, before anything is handled."""
        statement = text(
            "INSERT INTO deliveries (topic, partition, position, alone, tries)"
            " VALUES (:topic, :partition, :position, :alone, 1)"
            " ON CONFLICT (topic, partition, position, alone) DO UPDATE SET tries = deliveries.tries + 1"
            " RETURNING tries"
        )
        async with self.database.transaction() as session:
            return int((await session.execute(statement, _position(letter, alone))).scalar_one())

    async def _forget(self, session: AsyncSession, letter: Letter, *, alone: bool) -> None:
        statement = text(
            "DELETE FROM deliveries"
            " WHERE topic = :topic AND partition = :partition AND position = :position AND alone = :alone"
        )
        await session.execute(statement, _position(letter, alone))


def _position(letter: Letter, alone: bool) -> dict[str, Any]:
    return {
        "topic": letter.topic,
        "partition": letter.partition,
        "position": letter.position,
        "alone": alone,
    }


def _cause(problem: BaseException) -> str:
    """The kind of the error; its text only where our own code wrote it, since a database's may hold what was stored."""
    return f"Malformed: {problem}" if isinstance(problem, Malformed) else type(problem).__name__
