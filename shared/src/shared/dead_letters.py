"""Dead letters, what people do about them: replay or drop, in order within a key; twice has one effect."""

from base64 import b64decode
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy import func, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from shared.database import Database
from shared.delivering import cause_of, is_transient
from shared.failpoints import point
from shared.inbox import Hearing, Record, react
from shared.parking import lock_key, resolve, waiting
from shared.tables import DeadLetter


class NoSuchLetter(Exception):
    """No dead letter of that id waits here."""


class StillFails(Exception):
    """The reaction failed again; the letter, named by the first argument, stays where it is, and all behind it."""


class NotFirst(Exception):
    """Another letter of the same key comes first; its id is the argument."""


@dataclass(frozen=True)
class HeldKey:
    """A key under which `letters` wait."""

    topic: str
    key: str
    letters: int


@dataclass
class Replayed:
    """What became of the letters of several keys."""

    ran: int = 0
    failed: list[tuple[HeldKey, StillFails]] = field(default_factory=list)


async def found(session: AsyncSession, letter_id: UUID) -> DeadLetter:
    """The letter, as long as it waits."""
    row = (await session.execute(select(DeadLetter).where(col(DeadLetter.id) == letter_id, waiting()))).scalar()
    if row is None:
        raise NoSuchLetter(str(letter_id))
    return row


async def held_keys(
    session: AsyncSession, topic: str | None = None, key: str | None = None, type_: str | None = None
) -> list[HeldKey]:
    """The keys that have letters, those that wait longest first; with a type, those whose first letter is of it."""
    statement = text(
        "SELECT topic, key, count(*) FROM dead_letters"
        " WHERE resolved_at IS NULL"
        " AND (CAST(:topic AS text) IS NULL OR topic = :topic) AND (CAST(:key AS text) IS NULL OR key = :key)"
        " GROUP BY topic, key"
        " HAVING CAST(:type AS text) IS NULL OR (array_agg(type ORDER BY number))[1] = :type"
        " ORDER BY min(number)"
    )
    rows = await session.execute(statement, {"topic": topic, "key": key, "type": type_})
    return [HeldKey(*row) for row in rows.all()]


async def replay(database: Database, letter_id: UUID, heard: Hearing, wired: Any) -> int:
    """Run the reaction of the letter, then of all that waits behind it under its key; how many ran.

    Each in a transaction of its own, by a conditional update, so that twice has one effect. The first that fails again
    stays where it is, with everything behind it: `StillFails`.
    """
    async with database.transaction() as session:
        topic, key = await _first_of_its_key(session, letter_id)
    return await _replay_key(database, topic, key, heard, wired)


async def replay_keys(
    database: Database,
    held: Sequence[HeldKey],
    heard: Hearing,
    wired: Any,
    moved: Callable[[int, int], None] = lambda _count, _of: None,
) -> Replayed:
    """Every key by itself: what fails again stays, with what is behind it, and the next key goes on.

    `moved` is told how many letters are done with, of how many; those that stay behind a failed one count as well.
    """
    result, total = Replayed(), sum(one.letters for one in held)
    for one in held:
        done = 0

        def ran() -> None:
            nonlocal done
            done += 1
            result.ran += 1
            moved(1, total)

        try:
            await _replay_key(database, one.topic, one.key, heard, wired, ran)
        except StillFails as problem:
            result.failed.append((one, problem))
            moved(max(one.letters - done, 0), total)
    return result


async def drop(
    database: Database, letter_id: UUID, reason: str, heard: Hearing, wired: Any, by: str | None = None
) -> int:
    """Give the first letter of a key up for a reason that is kept, then run what waited behind it; how many ran.

    The drop stands also where what is behind it fails: `StillFails`.
    """
    async with database.transaction() as session:
        topic, key = await _first_of_its_key(session, letter_id)
        await resolve(session, "dropped", col(DeadLetter.id) == letter_id, reason=reason, by=by)
    return await _replay_key(database, topic, key, heard, wired)


async def drop_in_key(
    database: Database, held: HeldKey, reason: str, by: str | None = None, letter_id: UUID | None = None
) -> int:
    """Give up all that waits under the key, or one letter wherever it stands in it; nothing is run. How many went."""
    which = [col(DeadLetter.topic) == held.topic, col(DeadLetter.key) == held.key]
    if letter_id is not None:
        which.append(col(DeadLetter.id) == letter_id)
    async with database.transaction() as session:
        await lock_key(session, held.topic, held.key)
        return await resolve(session, "dropped", *which, reason=reason, by=by)


async def _first_of_its_key(session: AsyncSession, letter_id: UUID) -> tuple[str, str]:
    row = await found(session, letter_id)
    await lock_key(session, row.topic, row.key)
    first = await _first(session, row.topic, row.key)
    if first is not None and first.id != letter_id:
        raise NotFirst(str(first.id))
    return row.topic, row.key


async def _first(session: AsyncSession, topic: str, key: str) -> DeadLetter | None:
    """By the number that parking gave it: offsets begin again where Kafka lost its data."""
    query = select(DeadLetter).where(waiting(), col(DeadLetter.topic) == topic, col(DeadLetter.key) == key)
    return (await session.execute(query.order_by(col(DeadLetter.number)).limit(1))).scalar()


async def _replay_key(
    database: Database, topic: str, key: str, heard: Hearing, wired: Any, ran: Callable[[], None] = lambda: None
) -> int:
    count = 0
    while await _replay_first(database, topic, key, heard, wired):
        count += 1
        ran()
    return count


async def _replay_first(database: Database, topic: str, key: str, heard: Hearing, wired: Any) -> bool:
    letter_id = None
    try:
        async with database.transaction() as session:
            await lock_key(session, topic, key)
            row = await _first(session, topic, key)
            if row is None or not await resolve(session, "replayed", col(DeadLetter.id) == row.id):
                return False
            letter_id = row.id
            await react(session, [as_record(row)], heard, wired)
            await point("dead_letters.replayed")
    except Exception as problem:
        if letter_id is None or is_transient(problem):
            raise
        await _note_failure(database, letter_id, cause_of(problem))
        raise StillFails(str(letter_id), cause_of(problem)) from problem
    return True


async def _note_failure(database: Database, letter_id: UUID, cause: str) -> None:
    values = {
        "failed_replays": col(DeadLetter.failed_replays) + 1,
        "last_failed_at": func.now(),
        "last_failure": cause,
    }
    async with database.transaction() as session:
        await session.execute(update(DeadLetter).where(waiting(), col(DeadLetter.id) == letter_id).values(values))


def as_record(row: DeadLetter) -> Record:
    return Record(
        topic=row.topic,
        partition=row.partition,
        position=row.position,
        key=row.key,
        type=row.type,
        event_id=row.event_id,
        headers=[(name or "", None if value is None else b64decode(value)) for name, value in row.headers],
        value=row.value,
    )
