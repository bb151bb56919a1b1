"""The outbox: an event is a row of the transaction that it tells of; the relay sends it afterwards."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from pydantic import BaseModel
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from shared.database import Database, affected
from shared.events import Event, encode
from shared.failpoints import point
from shared.sealed import seal
from shared.tables import OutboxRow
from shared.telemetry import current

MAX_BYTES = 512 * 1024
"""Half of Kafka's default message limit (message.max.bytes 1,048,588)."""

RESEND_ROWS = 10_000
MOST_COUNTED = 100_000


class NotOurs(TypeError):
    """An event that another service owns."""


class WronglySealed(TypeError):
    """Other secrets than those that travel with the event."""


class TooLarge(ValueError):
    """An event that the broker would never take."""


def publish(session: AsyncSession, event: Event, sealed: BaseModel | None = None) -> None:
    """Say the event if, and only if, the caller's transaction commits.

    Order per key is the order of commits, provided the caller has locked the entity that the key names.
    `sealed` is encrypted for the notifier and bound to the event's id.
    """
    database: Database = session.info["database"]
    if event.owner() != database.service:
        raise NotOurs(f"{database.service} may not say {event.type}")
    if type(sealed) is not (event.secrets or type(None)):
        raise WronglySealed(f"{event.type} travels with {event.secrets}, not with {type(sealed)}")
    jwe = None if sealed is None else seal(event, sealed, database.public_keys)
    headers, value = encode(event, jwe, current())
    if len(value) > MAX_BYTES:
        raise TooLarge(f"{event.type} has {len(value)} bytes of data, more than {MAX_BYTES}")
    session.add(
        OutboxRow(
            event_id=event.id,
            topic=event.topic,
            key=event.key,
            headers=headers,
            value=value,
        )
    )
    session.info["published"] = True


async def resend(database: Database, since: datetime, moved: Callable[[int, int], None] = lambda _n, _of: None) -> int:
    """Mark what was sent since then as unsent, for a Kafka that lost its data; readers' inboxes absorb repeats.

    In batches, whose progress `moved` is told (rows, of how many), and in one transaction: the relay sees all of it or
    nothing, so that it begins with the oldest row of every key. On a connection without time limits, as it may be a
    week's.
    """
    connection = await database.connect()
    try:
        async with connection.transaction():
            total, first, last = await connection.fetchrow(
                "SELECT count(*), min(id), max(id) FROM outbox WHERE sent_at >= $1", since
            )
            count = 0
            for begin in range(first or 0, (last or -1) + 1, RESEND_ROWS):
                end = min(begin + RESEND_ROWS - 1, last)
                done = await connection.execute(
                    "UPDATE outbox SET sent_at = NULL WHERE id BETWEEN $1 AND $2 AND sent_at >= $3", begin, end, since
                )
                changed = int(done.rpartition(" ")[2])
                count += changed
                moved(changed, total)
        await point("outbox.resent")
    finally:
        await connection.close()
    return count


@dataclass(frozen=True)
class Refused:
    """A row that could never be sent and holds its key; `behind` rows wait for it."""

    id: int
    topic: str
    key: str
    type: str
    bytes: int
    refused_at: datetime
    refusal: str
    behind: int


async def refused(session: AsyncSession, limit: int) -> list[Refused]:
    """Oldest first."""
    statement = text(
        "SELECT held.id, held.topic, held.key, held.headers->>'ce_type', octet_length(held.value), held.refused_at,"
        " coalesce(held.refusal, ''), (SELECT count(*) FROM outbox AS row WHERE row.sent_at IS NULL"
        " AND row.refused_at IS NULL AND row.topic = held.topic AND row.key = held.key)"
        " FROM outbox AS held WHERE held.refused_at IS NOT NULL AND held.sent_at IS NULL ORDER BY held.id LIMIT :limit"
    )
    return [Refused(*row) for row in (await session.execute(statement, {"limit": limit})).all()]


async def release(session: AsyncSession, row_id: int | None = None) -> int:
    """Let refused rows be sent again, one or all: their ids are smaller than those behind them, so they go first."""
    statement = text(
        "UPDATE outbox SET refused_at = NULL, refusal = NULL WHERE refused_at IS NOT NULL AND sent_at IS NULL"
        " AND (CAST(:id AS bigint) IS NULL OR id = :id)"
    )
    count = affected(await session.execute(statement, {"id": row_id}))
    await point("outbox.released")
    return count


async def give_up(session: AsyncSession, row_id: int, reason: str, by: str) -> int:
    """Move a refused row out of the way of those behind it, into `dropped_events`; 0 where no such row is refused."""
    statement = text(
        "WITH gone AS (DELETE FROM outbox WHERE id = :id AND refused_at IS NOT NULL AND sent_at IS NULL RETURNING *)"
        " INSERT INTO dropped_events"
        " (outbox_id, event_id, topic, key, headers, value, created_at, refusal, reason, dropped_by)"
        " SELECT id, event_id, topic, key, headers, value, created_at, coalesce(refusal, ''), :reason, :by FROM gone"
    )
    count = affected(await session.execute(statement, {"id": row_id, "reason": reason, "by": by}))
    await point("outbox.given_up")
    return count


async def backlog(session: AsyncSession) -> tuple[int, int]:
    """How many rows wait to be sent, and how many were set aside because they never can be.

    Each count has a partial index of its own; a condition over both would read the whole table. They end at
    `MOST_COUNTED`: after a day without Kafka a look must not take seconds.
    """
    counted = "SELECT count(*) FROM (SELECT FROM outbox WHERE {which} LIMIT {most}) AS counted"
    waiting = text(counted.format(which="sent_at IS NULL AND refused_at IS NULL", most=MOST_COUNTED))
    refused = text(counted.format(which="refused_at IS NOT NULL AND sent_at IS NULL", most=MOST_COUNTED))
    return (await session.execute(waiting)).scalar_one(), (await session.execute(refused)).scalar_one()
