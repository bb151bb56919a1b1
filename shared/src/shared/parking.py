"""Parking: a record that cannot be handled becomes a dead letter, in order per key, up to a limit."""

from base64 import b64encode
from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, func, text, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col
from uuid_utils.compat import uuid7

from shared import metrics
from shared.database import affected
from shared.failpoints import point
from shared.inbox import Hearing, Record, handle, remember, storable
from shared.logging import logger
from shared.tables import DeadLetter

LIMIT = 1000
"""Letters that may wait for a decision before a reader stops where it would add another."""

_log = logger(__name__)


class LimitReached(Exception):
    """So many letters wait that none may be added: what makes them is no single record. The record stays in its topic.

    The text says what to do.
    """


def waiting() -> ColumnElement[bool]:
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


async def park(session: AsyncSession, record: Record, cause: str, limit: int = LIMIT) -> None:
    """Inbox row and dead letter in the caller's transaction; the cause names kinds, never contents.

    A repeat of something that was handled or parked before makes no second record. `LimitReached` where `limit` letters
    wait already, those behind an earlier one among them.
    """
    if await remember(session, [record]):
        return
    if await count_waiting(session, limit) >= limit:
        raise LimitReached(
            f"{limit} dead letters wait: look at `dead-letters list --by cause`, mend what makes them, then"
            " `dead-letters replay --all`; reading goes on by itself once fewer wait"
        )
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


async def park_behind(session: AsyncSession, record: Record, heard: Hearing, wired: Any, limit: int = LIMIT) -> None:
    """The record's key had something waiting: wait behind it, unless it is gone by now or the event discards it."""
    await lock_key(session, record.topic, record.key)
    held = await waiting_keys(session, record.topic, [record.key])
    if held and record.type in heard and heard[record.type].discards_letters:
        of_its_key = (col(DeadLetter.topic) == record.topic, col(DeadLetter.key) == record.key)
        await resolve(session, "dropped", *of_its_key, reason=f"discarded by {record.type}")
        held = set()
    if held:
        await park(session, record, "waits behind an earlier letter of its key", limit)
    else:
        await handle(session, [record], heard, wired)


async def count_waiting(session: AsyncSession, at_most: int | None = None) -> int:
    """How many letters wait; counted no further than `at_most`."""
    statement = text("SELECT count(*) FROM (SELECT 1 FROM dead_letters WHERE resolved_at IS NULL LIMIT :at_most) AS w")
    return int((await session.execute(statement, {"at_most": at_most})).scalar_one())


async def resolve(
    session: AsyncSession,
    resolution: str,
    *which: ColumnElement[bool],
    reason: str | None = None,
    by: str | None = None,
) -> int:
    """A conditional update, so that no letter is resolved twice; how many were."""
    values = {"resolved_at": func.now(), "resolution": resolution, "reason": reason, "resolved_by": by}
    count = affected(await session.execute(update(DeadLetter).where(waiting(), *which).values(values)))
    await point("dead_letters.resolved")
    return count


def _base64(value: bytes | None) -> str | None:
    return None if value is None else b64encode(value).decode()
