"""Dead letters: rows in the reader's own database, in order per key, to list, show, replay or drop."""

from base64 import b64decode, b64encode
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, func, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col
from uuid_utils.compat import uuid7

from shared import metrics
from shared.database import Database, affected
from shared.events import Malformed
from shared.failpoints import point
from shared.inbox import Hearing, Record, handle, react, remember, storable
from shared.logging import logger
from shared.tables import DeadLetter

_log = logger(__name__)


class NoSuchLetter(Exception):
    """No dead letter of that id waits here."""


class StillFails(Exception):
    """The reaction failed again; the letter, named by the first argument, stays where it is, and all behind it."""


class NotFirst(Exception):
    """Another letter of the same key comes first; its id is the argument."""


def _waiting() -> ColumnElement[bool]:
    return col(DeadLetter.resolved_at).is_(None)


async def waiting_keys(session: AsyncSession, topic: str, keys: Sequence[str]) -> set[str]:
    """Those of the keys that have a letter waiting, so that what follows must wait behind it."""
    rows = await session.execute(
        text("SELECT DISTINCT key FROM dead_letters WHERE topic = :topic AND resolved_at IS NULL AND key = ANY(:keys)"),
        {"topic": topic, "keys": list(set(keys))},
    )
    return set(rows.scalars())


async def lock_key(session: AsyncSession, topic: str, key: str) -> None:
    """Parking behind a letter and replaying the last one must not pass each other."""
    await session.execute(
        text("SELECT pg_advisory_xact_lock(hashtextextended(:lock, 7))"),
        {"lock": f"dead letters\x1f{topic}\x1f{key}"},
    )


async def park(session: AsyncSession, record: Record, cause: str) -> None:
    """Inbox row and dead letter in the caller's transaction; the cause names kinds, never contents.

    A repeat of something that was handled or parked before makes no second record.
    """
    if not await remember(session, [record]):
        return
    session.add(
        DeadLetter(
            id=uuid7(),
            topic=record.topic,
            partition=record.partition,
            position=record.position,
            key=record.key,
            type=record.type,
            event_id=record.event_id,
            headers=[[storable(name), _base64(value)] for name, value in record.headers],
            value=record.value,
            cause=cause,
        )
    )
    await session.flush()
    await point("dead_letters.parked")
    metrics.parked.labels(record.topic).inc()
    _log.error(
        "record_parked",
        topic=record.topic,
        partition=record.partition,
        offset=record.position,
        cause=cause,
    )


async def park_behind(session: AsyncSession, record: Record, heard: Hearing, wired: Any) -> None:
    """The record's key had something waiting: wait behind it, unless it is gone by now or the event discards it."""
    await lock_key(session, record.topic, record.key)
    waiting = await waiting_keys(session, record.topic, [record.key])
    if waiting and record.type in heard and heard[record.type].discards_letters:
        await _resolve(
            session,
            "dropped",
            f"discarded by {record.type}",
            topic=record.topic,
            key=record.key,
        )
        waiting = set()
    if waiting:
        await park(session, record, "waits behind an earlier letter of its key")
    else:
        await handle(session, [record], heard, wired)


async def listed(
    session: AsyncSession,
    topic: str | None,
    type_: str | None,
    key: str | None,
    limit: int,
) -> list[DeadLetter]:
    """What waits, oldest first."""
    query = select(DeadLetter).where(_waiting()).order_by(col(DeadLetter.parked_at)).limit(limit)
    for column, value in (
        (DeadLetter.topic, topic),
        (DeadLetter.type, type_),
        (DeadLetter.key, key),
    ):
        if value is not None:
            query = query.where(col(column) == value)
    return list((await session.execute(query)).scalars())


async def found(session: AsyncSession, letter_id: UUID) -> DeadLetter:
    row = (await session.execute(select(DeadLetter).where(col(DeadLetter.id) == letter_id, _waiting()))).scalar()
    if row is None:
        raise NoSuchLetter(str(letter_id))
    return row


async def count_waiting(session: AsyncSession) -> int:
    return await session.scalar(select(func.count()).select_from(DeadLetter).where(_waiting())) or 0


async def replay(database: Database, letter_id: UUID, heard: Hearing, wired: Any) -> int:
    """Run the reaction of the letter, then of all that waits behind it under its key; how many ran.

    Each in a transaction of its own, by a conditional update, so that twice has one effect. The first that fails again
    stays where it is, with everything behind it: `StillFails`.
    """
    async with database.transaction() as session:
        topic, key = await _first_of_its_key(session, letter_id)
    ran = 0
    while await _replay_first(database, topic, key, heard, wired):
        ran += 1
    return ran


async def drop(database: Database, letter_id: UUID, reason: str, heard: Hearing, wired: Any) -> int:
    """Give the letter up for a reason that is kept, then run what waited behind it; how many ran."""
    async with database.transaction() as session:
        topic, key = await _first_of_its_key(session, letter_id)
        await _resolve(session, "dropped", reason, letter_id=letter_id)
    ran = 0
    while await _replay_first(database, topic, key, heard, wired):
        ran += 1
    return ran


async def _first_of_its_key(session: AsyncSession, letter_id: UUID) -> tuple[str, str]:
    row = await found(session, letter_id)
    await lock_key(session, row.topic, row.key)
    first = await _first(session, row.topic, row.key)
    if first is not None and first.id != letter_id:
        raise NotFirst(str(first.id))
    return row.topic, row.key


async def _first(session: AsyncSession, topic: str, key: str) -> DeadLetter | None:
    query = select(DeadLetter).where(_waiting(), col(DeadLetter.topic) == topic, col(DeadLetter.key) == key)
    return (await session.execute(query.order_by(col(DeadLetter.position)).limit(1))).scalar()


async def _replay_first(database: Database, topic: str, key: str, heard: Hearing, wired: Any) -> bool:
    async with database.transaction() as session:
        await lock_key(session, topic, key)
        row = await _first(session, topic, key)
        if row is None or not await _resolve(session, "replayed", None, letter_id=row.id):
            return False
        try:
            await react(session, [_as_record(row)], heard, wired)
            await point("dead_letters.replayed")
        except Malformed as problem:
            raise StillFails(str(row.id), f"Malformed: {problem}") from problem
        except Exception as problem:
            raise StillFails(str(row.id), type(problem).__name__) from problem
        return True


async def _resolve(
    session: AsyncSession,
    resolution: str,
    reason: str | None,
    letter_id: UUID | None = None,
    topic: str | None = None,
    key: str | None = None,
) -> int:
    query = update(DeadLetter).where(_waiting()).values(resolved_at=func.now(), resolution=resolution, reason=reason)
    if letter_id is not None:
        query = query.where(col(DeadLetter.id) == letter_id)
    else:
        query = query.where(col(DeadLetter.topic) == topic, col(DeadLetter.key) == key)
    count = affected(await session.execute(query))
    await point("dead_letters.resolved")
    return count


def _base64(value: bytes | None) -> str | None:
    return None if value is None else b64encode(value).decode()


def _as_record(row: DeadLetter) -> Record:
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
