"""Delivering a batch to its reactions: one transaction, one by one where that fails, poison into dead letters."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import asyncpg
from sqlalchemy import exc, text
from sqlalchemy.ext.asyncio import AsyncSession

from shared import metrics, parking
from shared.database import Database
from shared.events import Malformed
from shared.failpoints import point
from shared.inbox import Hearing, Record, handle
from shared.logging import logger
from shared.refusals import is_away
from shared.turns import Turns

_log = logger(__name__)

# What a record cannot be the cause of, so that the same statement may succeed later: connection, sign-in, missing
# database, resources, operator's shutdown, I/O, serialisation and deadlock, lock timeout, a server that is read-only
# during a failover, a schema or a grant that is not there yet.
_TRANSIENT_STATES = ("08", "28", "3D", "53", "57", "58", "40", "55P03", "25006", "42P01", "42703", "42501")
_PAUSES_SECONDS = (0.1, 0.5)


def is_transient(problem: BaseException) -> bool:
    """True where something outside is away or busy, or no letter may be added; such a failure makes no dead letter."""
    if isinstance(problem, parking.LimitReached):
        return True
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
class Batch:
    """One batch on its way; it survives transient failures, so that what was counted once is not counted again."""

    records: Sequence[Record]
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
    letters_limit: int = parking.LIMIT
    turns: Turns = field(default_factory=Turns)

    async def deliver(self, batch: Batch) -> None:
        """Handle or park every record of the batch. What it raises is `is_transient`, or parking itself failed."""
        if not batch.records:
            return
        if batch.tries == 0:
            batch.tries = await self._count(batch.records[0], alone=False)
            batch.one_by_one = batch.tries > 1  # its marker was found: a process died over this batch
        if not batch.one_by_one:
            try:
                async with self.turns.among_others():
                    await self._together(batch)
                return
            except Exception as problem:
                if is_transient(problem) and not isinstance(problem, parking.LimitReached):
                    raise
                _log.warning(
                    "batch_goes_one_by_one",
                    cause=type(problem).__name__,
                    topic=batch.records[0].topic,
                )
                batch.one_by_one = True
        done = await self._known(batch.records)
        for record in batch.records:
            if record.event_id in done:
                metrics.repeated.labels(record.topic).inc()
            else:
                # A record over which the process may have died is tried with nobody beside it: else its next death
                # would count against everything that is under way in the other partitions, too.
                async with self.turns.alone() if batch.tries > 1 else self.turns.among_others():
                    await self._alone(record, batch)
            batch.moved()
        async with self.database.transaction() as session:
            await self._forget_all(session, batch.records)

    async def _together(self, batch: Batch) -> None:
        records = batch.records
        async with self.database.transaction() as session:
            await self._forget_all(session, records)
            new = await self._handle(session, records)
        metrics.handled.labels(records[0].topic).inc(new)
        metrics.repeated.labels(records[0].topic).inc(len(records) - new)

    async def _known(self, records: Sequence[Record]) -> set[UUID]:
        """What was handled or parked before, so that a batch which is begun again comes to its rest quickly."""
        known = text("SELECT event_id FROM inbox WHERE event_id = ANY(:ids)")
        async with self.database.transaction() as session:
            return set((await session.execute(known, {"ids": [record.event_id for record in records]})).scalars())

    async def _alone(self, record: Record, batch: Batch) -> None:
        if record.position not in batch.counted:
            batch.counted.add(record.position)
            if await self._count(record, alone=True) > self.tries:
                batch.counted.discard(record.position)  # where no letter may be added it is not tried instead
                return await self._park(record, f"the process died over it {self.tries} times")
        try:
            await self._try(record, batch)
        except parking.LimitReached:  # to wait for room is no death: it is counted anew
            batch.counted.discard(record.position)
            async with self.database.transaction() as session:
                await self._forget(session, record)
            raise
        return None

    async def _try(self, record: Record, batch: Batch) -> None:
        for attempt, pause in enumerate((*_PAUSES_SECONDS, None), 1):
            try:
                async with self.database.transaction() as session:
                    await self._forget(session, record)
                    new = await self._handle(session, [record])
                metrics.handled.labels(record.topic).inc(new)
                return None
            except Exception as problem:
                if is_transient(problem):
                    raise
                if pause is None or attempt >= self.tries:
                    return await self._park(record, cause_of(problem))
                batch.moved()
                await asyncio.sleep(pause)
        return None

    async def _handle(self, session: AsyncSession, records: Sequence[Record]) -> int:
        held = await parking.waiting_keys(session, records[0].topic, [record.key for record in records])
        new = await handle(
            session,
            [record for record in records if record.key not in held],
            self.heard,
            self.wired,
        )
        for record in records:
            if record.key in held:
                await parking.park_behind(session, record, self.heard, self.wired, self.letters_limit)
        return new

    async def _park(self, record: Record, cause: str) -> None:
        async with self.database.transaction() as session:
            await parking.lock_key(session, record.topic, record.key)
            await self._forget(session, record)
            await parking.park(session, record, cause, self.letters_limit)

    async def _count(self, record: Record, *, alone: bool) -> int:
        """Write or find the marker, in a transaction of its own, before anything is handled."""
        statement = text(
            "INSERT INTO deliveries (topic, partition, position, alone, tries)"
            " VALUES (:topic, :partition, :position, :alone, 1)"
            " ON CONFLICT (topic, partition, position, alone)"
            " DO UPDATE SET tries = deliveries.tries + 1, counted_at = now()"
            " RETURNING tries"
        )
        async with self.database.transaction() as session:
            tries = int((await session.execute(statement, {**_position(record), "alone": alone})).scalar_one())
            await point("delivering.counted")
        return tries

    async def _forget_all(self, session: AsyncSession, records: Sequence[Record]) -> None:
        """The batch's marker, and what a batch that was cut otherwise may have left of these records."""
        statement = text(
            "DELETE FROM deliveries"
            " WHERE topic = :topic AND partition = :partition AND position BETWEEN :position AND :last"
        )
        await session.execute(statement, {**_position(records[0]), "last": records[-1].position})
        await point("delivering.forgotten")

    async def _forget(self, session: AsyncSession, record: Record) -> None:
        """The marker of a record alone."""
        statement = text(
            "DELETE FROM deliveries WHERE topic = :topic AND partition = :partition AND position = :position AND alone"
        )
        await session.execute(statement, _position(record))
        await point("delivering.forgotten")


def _position(record: Record) -> dict[str, Any]:
    return {"topic": record.topic, "partition": record.partition, "position": record.position}


def cause_of(problem: BaseException) -> str:
    """The kind of the error; its text only where our own code wrote it, since a database's may hold what was stored."""
    return f"Malformed: {problem}" if isinstance(problem, Malformed) else type(problem).__name__
