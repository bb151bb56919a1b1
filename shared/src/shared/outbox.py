"""The outbox: an event is a row of the transaction that it tells of; the relay sends it afterwards."""

from datetime import datetime

from opentelemetry import propagate
from pydantic import BaseModel
from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from shared.context import traceparent
from shared.database import affected
from shared.events import Event, encode
from shared.sealed import seal
from shared.tables import OutboxRow

MAX_BYTES = 512 * 1024
"""Half of Kafka's default message limit (message.max.bytes 1,048,588)."""


class NotOurs(TypeError):
    """An event that another service owns."""


class TooLarge(ValueError):
    """An event that the broker would never take."""


def publish(session: AsyncSession, event: Event, sealed: BaseModel | None = None) -> None:
    """Say the event if, and only if, the caller's transaction commits.

    Order per key is the order of commits, provided the caller has locked the entity that the key names.
    `sealed` is encrypted for the notifier and bound to the event's id.
    """
    database = session.info["database"]
    if event.owner() != database.service:
        raise NotOurs(f"{database.service} may not say {event.type}")
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


async def resend(session: AsyncSession, since: datetime) -> int:
    """Mark what was sent since then as unsent, for a Kafka that lost its data; readers' inboxes absorb repeats."""
    statement = update(OutboxRow).where(col(OutboxRow.sent_at) >= since).values(sent_at=None)
    session.info["published"] = True
    return affected(await session.execute(statement))


async def backlog(session: AsyncSession) -> tuple[int, int]:
    """How many rows wait to be sent, and how many were set aside because they never can be."""
    unsent, refused = col(OutboxRow.sent_at).is_(None), col(OutboxRow.refused_at).is_not(None)
    query = select(func.count().filter(~refused), func.count().filter(refused)).select_from(OutboxRow).where(unsent)
    waiting, set_aside = (await session.execute(query)).one()
    return waiting, set_aside
