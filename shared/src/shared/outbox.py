"""The outbox: an event is a row of the transaction that it tells of; the relay sends it afterwards."""

from datetime import datetime

from opentelemetry import propagate
from pydantic import BaseModel
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from shared.context import traceparent
from shared.database import Database
from shared.events import Event, encode
from shared.failpoints import point
from shared.sealed import seal
from shared.tables import OutboxRow

MAX_BYTES = 512 * 1024
"""Half of Kafka's default message limit (message.max.bytes 1,048,588)."""


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
    headers, value = encode(event, jwe, current_traceparent())
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


def current_traceparent() -> str | None:
    """The trace of the request that is being served: OpenTelemetry's where it is on, else the caller's header."""
    carrier: dict[str, str] = {}
    propagate.inject(carrier)
    return carrier.get("traceparent") or traceparent.get()


async def resend(database: Database, since: datetime) -> int:
    """Mark what was sent since then as unsent, for a Kafka that lost its data; readers' inboxes absorb repeats.

    One statement, so that the relay begins with the oldest; on a connection without time limits, as it may be a week's.
    """
    connection = await database.connect()
    try:
        done = await connection.execute("UPDATE outbox SET sent_at = NULL WHERE sent_at >= $1", since)
        await point("outbox.resent")
    finally:
        await connection.close()
    return int(done.rpartition(" ")[2])


async def backlog(session: AsyncSession) -> tuple[int, int]:
    """How many rows wait to be sent, and how many were set aside because they never can be.

    Each count has a partial index of its own; a condition over both would read the whole table.
    """
    waiting = text("SELECT count(*) FROM outbox WHERE sent_at IS NULL AND refused_at IS NULL")
    refused = text("SELECT count(*) FROM outbox WHERE refused_at IS NOT NULL AND sent_at IS NULL")
    return (await session.execute(waiting)).scalar_one(), (await session.execute(refused)).scalar_one()
